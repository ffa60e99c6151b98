//! A profile's text with some values changed, and every comment and blank where it was.

use toml_edit::{DocumentMut, Item, Table, value};

/// What begins the comment above a measured value.
const MEASURED: &str = "# measured: ";

/// A key of `[memory]` with the value that it gets, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// The key.
    pub key: &'static str,
    /// MiB.
    pub mib: u64,
    /// In a line.
    pub how: String,
}

/// The text with these values in `[memory]`, each below a comment that says how it was measured; a comment of an
/// earlier measurement goes.
///
/// # Errors
/// What is wrong with the text, where it is no TOML or its `memory` is no table.
pub fn with_memory(text: &str, measured: &[Measurement]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let memory = document.entry("memory").or_insert_with(|| Item::Table(Table::new()));
    for Measurement { key, mib, how } in measured {
        let mib = i64::try_from(*mib).map_err(|error| error.to_string())?;
        if let Some(inline) = memory.as_inline_table_mut() {
            // There is no place for a comment in one line.
            inline.insert(*key, mib.into());
            continue;
        }
        let table = memory.as_table_mut().ok_or("`memory` is no table")?;
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                *old = mib.into();
                *old.decor_mut() = decor;
            }
            None => _ = table.insert(key, value(mib)),
        }
        let mut written = table.key_mut(key).ok_or("the key is not there")?;
        let decor = written.leaf_decor_mut();
        let before = decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
        let kept: String =
            before.split_inclusive('\n').filter(|line| !line.trim_start().starts_with(MEASURED)).collect();
        decor.set_prefix(format!("{kept}{MEASURED}{how}\n"));
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(mib: u64) -> Vec<Measurement> {
        vec![
            Measurement { key: "driver-mib", mib, how: "210 MiB on a day".to_owned() },
            Measurement { key: "worker-mib", mib: 20, how: "155 MiB on a day".to_owned() },
        ]
    }

    #[test]
    fn comments_stay_and_an_earlier_measurement_goes() {
        let text =
            "# mine\n[target.aci]\ncpu = 1 # one\n\n[memory]\n# why\ndriver-mib = 1  # old\n\n[spark.conf]\nx = 1\n";
        let once = with_memory(text, &measured(80)).unwrap();
        let expected = "# mine\n[target.aci]\ncpu = 1 # one\n\n[memory]\n# why\n# measured: 210 MiB on a day\n\
            driver-mib = 80  # old\n# measured: 155 MiB on a day\nworker-mib = 20\n\n[spark.conf]\nx = 1\n";
        assert_eq!(once, expected);
        assert_eq!(with_memory(&once, &measured(80)).unwrap(), expected);
        assert_eq!(with_memory(&once, &measured(90)).unwrap(), expected.replace("= 80", "= 90"));
    }

    #[test]
    fn a_profile_without_memory_gets_it_at_its_end() {
        let text = "[target.aci]\ncpu = 1\n";
        let made = with_memory(text, &measured(80)).unwrap();
        assert_eq!(made.strip_prefix(text).unwrap().lines().nth(1), Some("[memory]"), "{made}");
        let inline = with_memory("memory = { driver-mib = 1 }\n", &measured(80)).unwrap();
        assert_eq!(inline, "memory = { driver-mib = 80, worker-mib = 20 }\n");
        assert!(with_memory("memory = 1\n", &measured(80)).is_err());
    }
}
