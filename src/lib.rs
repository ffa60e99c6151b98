//! sparkbake turns a profile of pinned versions into a reproducible OCI image in which PySpark's
//! Java gateway starts. This page is the codemap; the modules stand in the order of the flow.
//!
//! ```text
//! Profile ──select──▶ Stack ──resolve──▶ Lock ──fetch──▶ Store
//!                                         │                │
//!      MemoryPlan ◀──plan── Profile       ├──classpath──▶ [Problem]
//!           │                             ▼
//!           └────────────────────────▶  Plan ──render──▶ [Layer] ──assemble──▶ Image ──▶ Layout
//! ```
//!
//! `ground ← pure ← edge ← commands ← main`: a module imports only from its own band or from those
//! before it, and the three wings (`maven`, `pypi`, `debian`) never import each other.
//! `tests/house.rs` holds the table of allowed imports.

// Ground: words that every room uses.
pub mod artifact;
pub mod digest;
pub mod environment;
pub mod error;
pub mod outside;
pub mod problem;
pub mod reference;
pub mod tree;

// Pure: no IO, no clock, no environment.
pub mod profile;
pub mod matrix;
pub mod maven;
pub mod pypi;
pub mod debian;
pub mod lock;
pub mod classpath;
pub mod memory;
pub mod spark;
pub mod plan;
pub mod base;
pub mod layer;
pub mod image;
pub mod diagnose;
pub mod usage;
pub mod app;

// Edge: the network, the disk, the terminal.
pub mod program;
pub mod endpoints;
pub mod net;
pub mod store;
pub mod fetch;
pub mod layout;
pub mod registry;
pub mod project;
pub mod ui;
pub mod threads;
pub mod engine;

// The tool.
pub mod cli;
pub mod commands;
