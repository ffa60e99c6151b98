//! `push`, `rebuild`, `diff` and `inspect`: images that are there.

use clap::Args;

use super::{InputsFrom, RegistryChoice};

/// `push`.
#[derive(Debug, Args)]
pub struct Push {
    /// oci:DIR, oci:DIR:NAME, oci:DIR@sha256:… or oci-archive:FILE.
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// HOST/NAME or HOST/NAME:TAG [default: the `[image] repository` of sparkbake.toml].
    #[arg(value_name = "REF")]
    pub reference: Option<String>,
    /// Tag that moves to the image, beside the reference's own [default: latest]; repeatable.
    #[arg(short, long, value_name = "TAG", env = "SPARKBAKE_TAG")]
    pub tag: Vec<String>,
    /// Repository that gets the locked files as well, as one tagged artifact: `build --inputs-from` takes them from
    /// there, whatever becomes of the archives that they came from.
    #[arg(long, value_name = "REPOSITORY", env = "SPARKBAKE_INPUTS")]
    pub inputs: Option<String>,
    /// The registry's side.
    #[command(flatten)]
    pub registry: RegistryChoice,
    /// Print what became of every blob as JSON, instead of the reference.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `rebuild`.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// An image as `inspect` takes it, a lockfile beside its profile, or the name of a built-in profile.
    #[arg(value_name = "REF|LAYOUT|LOCK")]
    pub image: String,
    /// The profile that the image was made from, with its own files and copies, instead of what the image carries.
    #[arg(long, value_name = "PROFILE", env = "SPARKBAKE_PROFILE")]
    pub profile: Option<String>,
    /// Where locked files are taken from first.
    #[command(flatten)]
    pub inputs: InputsFrom,
    /// Speak http with the registry, without encryption. A registry on this machine needs no such leave.
    #[arg(long, env = "SPARKBAKE_PLAIN_HTTP")]
    pub plain_http: bool,
    /// Print the comparison as JSON, every field of every path.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// An image as `inspect` takes it, or a lockfile.
    #[arg(value_name = "A")]
    pub from: String,
    /// The other one.
    #[arg(value_name = "B")]
    pub to: String,
    /// Compare the files of images too: layers that differ are read.
    #[arg(long, env = "SPARKBAKE_FILES")]
    pub files: bool,
    /// Speak http with the registry, without encryption. A registry on this machine needs no such leave.
    #[arg(long, env = "SPARKBAKE_PLAIN_HTTP")]
    pub plain_http: bool,
    /// Print it as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// HOST/NAME:TAG, HOST/NAME@sha256:…, or oci:DIR, oci:DIR:NAME, oci-archive:FILE.
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Speak http with the registry, without encryption. A registry on this machine needs no such leave.
    #[arg(long, env = "SPARKBAKE_PLAIN_HTTP")]
    pub plain_http: bool,
    /// Print it as JSON, with every artifact.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}
