//! Layers that follow from the user's own files and size.
