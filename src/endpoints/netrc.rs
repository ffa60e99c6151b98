//! Passwords by host: the user's netrc (GNU inetutils, "The .netrc file").

use url::Url;

use super::{Credentials, Secret, text_of};
use crate::environment::Environment;
use crate::error::Error;

/// A netrc file.
#[derive(Debug, Default)]
pub(crate) struct Netrc {
    /// Host and what it gets; the host of `default` is empty.
    machines: Vec<(String, Credentials)>,
}

impl Netrc {
    /// The file that `NETRC` names, else `~/.netrc`.
    pub(crate) fn read(environment: &Environment) -> Result<Self, Error> {
        let path = match environment.var("NETRC") {
            Some(path) => Some(environment.cwd.join(path)),
            None => environment.home.as_ref().map(|home| home.join(".netrc")),
        };
        let Some(path) = path else { return Ok(Self::default()) };
        Ok(text_of(&path)?.map_or_else(Self::default, |text| Self::parse(&text)))
    }

    fn parse(text: &str) -> Self {
        let mut machines: Vec<(String, Credentials)> = Vec::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let mut words = line.split_whitespace();
            while let Some(word) = words.next() {
                match word {
                    "machine" => machines.push((words.next().unwrap_or("-").to_ascii_lowercase(), empty())),
                    "default" => machines.push((String::new(), empty())),
                    "login" => set(&mut machines, words.next(), |known, value| known.user = value),
                    "password" => set(&mut machines, words.next(), |known, value| known.password = Secret::new(value)),
                    // A macro goes on to the next empty line.
                    "macdef" => {
                        words = "".split_whitespace();
                        lines.by_ref().find(|line| line.trim().is_empty());
                    }
                    word if word.starts_with('#') => words = "".split_whitespace(),
                    _ => {}
                }
            }
        }
        Self { machines }
    }

    /// What that host gets: its own entry, or the one of `default`.
    pub(crate) fn find(&self, url: &Url) -> Option<&Credentials> {
        self.own(url).or_else(|| self.machines.iter().find(|(machine, _)| machine.is_empty()).map(|(_, known)| known))
    }

    /// What that host gets by its own entry.
    pub(crate) fn own(&self, url: &Url) -> Option<&Credentials> {
        let host = url.host_str()?;
        self.machines.iter().find(|(machine, _)| machine == host).map(|(_, known)| known)
    }
}

fn empty() -> Credentials {
    Credentials { user: String::new(), password: Secret::new(String::new()) }
}

fn set(machines: &mut [(String, Credentials)], value: Option<&str>, set: fn(&mut Credentials, String)) {
    if let (Some((_, known)), Some(value)) = (machines.last_mut(), value) {
        set(known, value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_gets_its_own_password() {
        let netrc = Netrc::parse(
            "# comment machine no\nmachine a.example login u password p\nmacdef init\n machine evil password x\n\n\
             machine b.example\n  login v\n  password q\ndefault login w password r\n",
        );
        for (host, expected) in [("a", "u p"), ("b", "v q"), ("evil", "w r")] {
            let url = Url::parse(&format!("http://{host}.example/")).unwrap();
            let known = netrc.find(&url).unwrap();
            assert_eq!(format!("{} {}", known.user, known.password.reveal()), expected, "{host}");
        }
        assert!(!format!("{netrc:?}").contains("\"p\""));
    }
}
