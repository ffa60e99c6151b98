//! One file a command. Each reads like its own poster; what several share stands here: the
//! [`World`], and how problems are weighed and shown.

use std::io::Write;
use std::sync::Arc;

use crate::cli::{Cli, Color, Command, InputsFrom};
use crate::digest::Digest;
use crate::endpoints::{self, Endpoints};
use crate::environment::Environment;
use crate::error::{Error, Failure};
use crate::net::{Net, Registries};
use crate::problem::{self, At, Level, Problem, SourceFile, plural};
use crate::profile::{self, Profile};
use crate::project::Project;
use crate::registry::{Host, Surroundings};
use crate::store::Store;
use crate::ui::{Colour, Mode, Ui};

mod alone;
mod app;
mod bake;
mod base;
mod build;
mod bundle;
mod cache;
mod check;
mod classpath;
mod compare;
mod completions;
mod diagnose;
mod diff;
mod endpoints_command;
mod explain;
mod gather;
mod init;
mod inputs;
mod inspect;
mod lock;
mod matrix;
mod named;
mod output;
mod plan;
mod push;
mod rebuild;
mod remote;
mod resolve;
mod resolve_command;
mod run;
mod seen;
mod settings;
mod sizes;
mod tree;
mod wheels;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The user's files are at fault, and every problem has been shown.
    #[error("problems were shown")]
    Problems,
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The world failed.
    #[error(transparent)]
    World(#[from] Error),
}

/// Everything outside of the user's files, read and opened once.
#[derive(Debug)]
pub struct World {
    /// The process's surroundings.
    pub environment: Environment,
    /// The way to standard error.
    pub ui: Ui,
    /// Threads that work at once.
    pub threads: usize,
    /// Whether the network may not be used.
    pub offline: bool,
    /// Whether standard output is coloured.
    pub colour: bool,
    /// Whether more is said.
    pub verbose: bool,
    /// The content-addressed cache.
    pub store: Arc<Store>,
    /// Where locked files are looked for first, and whether by plain http.
    inputs: (InputsFrom, bool),
    endpoints: Endpoints,
    net: Net,
}

impl World {
    fn open(cli: &Cli, environment: Environment) -> Result<Self, Error> {
        let colour = match cli.global.color {
            Color::Auto => Colour::Auto,
            Color::Always => Colour::Always,
            Color::Never => Colour::Never,
        };
        let mode = Mode::decide(&environment, cli.global.quiet);
        let inputs = cli.command.inputs().map(|(inputs, plain)| (inputs.clone(), plain)).unwrap_or_default();
        let store = Store::open(environment.cache_dir()?, environment.now)?;
        let store = Arc::new(if matches!(cli.command, Command::Rebuild(_)) { store.anew() } else { store });
        Ok(Self {
            ui: Ui::new(mode, colour.decide(&environment, environment.stderr_is_terminal)),
            colour: colour.decide(&environment, environment.stdout_is_terminal),
            threads: cli.global.jobs.map_or(environment.cores, usize::from),
            offline: cli.global.offline,
            inputs,
            verbose: cli.global.verbose,
            endpoints: endpoints::discover(&environment).remembering(Arc::<Store>::clone(&store)),
            store,
            net: Net::new(&environment)?,
            environment,
        })
    }

    /// A container registry by its host; nothing is asked of it yet unless it is this machine's.
    fn host(&self, name: &str, plain_http: bool) -> Result<Host<'_>, Error> {
        if self.offline {
            return Err(Error::Offline { what: name.to_owned() });
        }
        let (net, environment, store, ui) = (&self.net, &self.environment, &self.store, &self.ui);
        Host::open(name, plain_http, Surroundings { net, environment, store, ui, verbose: self.verbose })
    }

    /// The registries, each page asked for once.
    #[must_use]
    pub fn registries(&self) -> Registries<'_> {
        Registries::new(&self.endpoints, &self.net, &self.store, self.offline)
    }
}

/// What tools said is a memoised result like others.
impl endpoints::Memory for Store {
    fn recall(&self, program: &str) -> Option<String> {
        self.record("said", &Digest::of(program.as_bytes())).ok()?
    }

    fn keep(&self, program: &str, said: &str) {
        // A store that cannot keep it costs time alone.
        let _ = self.put_record("said", &Digest::of(program.as_bytes()), &said);
    }
}

/// Runs the command; the exit code.
#[must_use]
pub fn run(cli: &Cli, environment: Environment) -> u8 {
    let world = match World::open(cli, environment) {
        Ok(world) => world,
        Err(error) => {
            let ui = Ui::new(Mode::Plain, false);
            return world_failed(&ui, &error);
        }
    };
    let ended = match &cli.command {
        Command::Init(request) => init::init(request, &world),
        Command::Lock(request) => lock::lock(request, &world),
        Command::Check(request) => check::check(request, &world),
        Command::Classpath(request) => classpath::classpath(request, &world),
        Command::Tree(request) => tree::tree(request, &world),
        Command::Plan(request) => plan::plan(request, &world),
        Command::Build(request) => build::build(request, &world),
        Command::Bundle(request) => bundle::bundle(request, &world),
        Command::Push(request) => push::push(request, &world),
        Command::Run(request) => match run::run(request, &world) {
            Ok(code) => return code,
            Err(Stop::World(error)) => {
                world_failed(&world.ui, &error);
                return run::FAILED;
            }
            Err(stop) => Err(stop),
        },
        Command::Diagnose(request) => diagnose::diagnose(request, &world),
        Command::Rebuild(request) => rebuild::rebuild(request, &world),
        Command::Diff(request) => diff::diff(request, &world),
        Command::Inspect(request) => inspect::inspect(request, &world),
        Command::Explain(request) => explain::explain(request, &world),
        Command::Matrix(request) => matrix::matrix(request, &world),
        Command::Resolve(request) => resolve_command::resolve(request, &world),
        Command::Endpoints(request) => endpoints_command::endpoints(request, &world),
        Command::Cache(request) => cache::cache(request, &world),
        Command::Completions(request) => completions::completions(request),
    };
    match ended {
        Ok(()) => 0,
        Err(Stop::Problems) => 1,
        Err(Stop::Usage(text)) => {
            world.ui.error(text);
            2
        }
        Err(Stop::World(error)) => world_failed(&world.ui, &error),
    }
}

/// Says what failed and whether trying again can help.
fn world_failed(ui: &Ui, error: &Error) -> u8 {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    ui.error(visible(&text));
    if let Error::NoEndpoint { help, .. } = error {
        ui.note(help);
    }
    if error.is_transient() {
        ui.note("the same command may succeed if it is run again");
    }
    3
}

/// A text that may hold what others wrote, without what a terminal would act on.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Data, on standard output. A reader that has gone away is nobody's failure; a full disk is.
fn say(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::write("standard output")(source)),
        _ => Ok(()),
    }
}

/// A profile that was read, and the problems found on the way.
pub(super) struct Request {
    /// Where it stands.
    pub(super) project: Project,
    /// What it asks.
    pub(super) profile: Profile,
    /// Whether warnings stop.
    pub(super) deny: bool,
}

/// Problems with their weight, and the profile that they point into.
type Weighed = (Vec<(Level, Problem)>, SourceFile);

impl Request {
    fn open(typed: &str, deny: Option<&String>, world: &World) -> Result<Self, Stop> {
        Self::read(typed, deny, world)?.map_err(|(problems, source)| {
            show(&problems, &source, world);
            Stop::Problems
        })
    }

    /// The same, with the problems of a profile that is none as a value.
    fn read(typed: &str, deny: Option<&String>, world: &World) -> Result<Result<Self, Weighed>, Error> {
        let project = Project::open(typed, &world.environment.cwd)?;
        Ok(match profile::read(&project.name, project.source.clone()) {
            (Some(profile), mistakes) if mistakes.is_empty() => Ok(Self { project, profile, deny: deny.is_some() }),
            (rest, mut mistakes) => {
                let more = rest.map(|rest| alone::of_rest(&rest, &mistakes));
                mistakes.extend(more.into_iter().flatten());
                Err((mistakes.into_iter().map(|p| (p.code.level, p)).collect(), project.source))
            }
        })
    }

    /// The value of a stage, or its problems shown together with those found before.
    fn settle<T>(&self, stage: Result<T, Failure>, before: &[Problem], world: &World) -> Result<T, Stop> {
        match stage {
            Ok(value) => Ok(value),
            Err(Failure::World(error)) => Err(error.into()),
            Err(Failure::Problems(problems)) => {
                // A stage that could not give a value stops, whatever [lints] says, and not without a word.
                let own: Vec<Problem> = problems.clone();
                let all = before.iter().cloned().chain(problems).collect();
                let mut weighed = self.weigh(all, false);
                if !weighed.iter().any(|(level, _)| *level == Level::Deny) {
                    weighed.retain(|(_, problem)| !own.contains(problem));
                    weighed.extend(own.into_iter().map(|problem| (Level::Deny, problem)));
                }
                show(&weighed, &self.project.source, world);
                Err(Stop::Problems)
            }
        }
    }

    /// Stops at these problems, where there are any.
    fn refuse(&self, problems: Vec<Problem>, world: &World) -> Result<(), Stop> {
        if problems.is_empty() { Ok(()) } else { self.settle(Err(problems.into()), &[], world) }
    }

    /// Shows the problems; stops where one of them is denied. `complete` says that every check ran,
    /// so that an entry of `[lints]` that matches nothing is one.
    fn judge(&self, problems: Vec<Problem>, complete: bool, world: &World) -> Result<(), Stop> {
        let weighed = self.weigh(problems, complete);
        show(&weighed, &self.project.source, world);
        if weighed.iter().any(|(level, _)| *level == Level::Deny) { Err(Stop::Problems) } else { Ok(()) }
    }

    fn weigh(&self, problems: Vec<Problem>, complete: bool) -> Vec<(Level, Problem)> {
        let mut weighed = profile::levels(problems, &self.profile.lints, self.deny);
        weighed.retain(|(_, problem)| complete || problem.code != problem::codes::profile::UNUSED_LINT);
        weighed
    }
}

/// The place of what an option was given.
fn word(option: &str, given: &str) -> At {
    let text = format!("{option} {given}");
    let span = text.len() - given.len()..text.len();
    At::in_file(&Arc::new(SourceFile { name: TYPED.to_owned(), text }), span)
}

/// What the words that were typed are called where carets point into them.
const TYPED: &str = "command line";

fn show(weighed: &[(Level, Problem)], source: &SourceFile, world: &World) {
    if weighed.is_empty() {
        return;
    }
    world.ui.text(&problem::render(weighed, source, world.ui.colour()));
    let count = |level| weighed.iter().filter(|(l, _)| *l == level).count();
    let (errors, warnings) = (count(Level::Deny), count(Level::Warn));
    if errors > 0 {
        let errors = plural(errors, "error", "errors");
        let warnings =
            if warnings == 0 { String::new() } else { format!(", {}", plural(warnings, "warning", "warnings")) };
        world.ui.error(format_args!("{}: {errors}{warnings}", source.name));
    }
}
