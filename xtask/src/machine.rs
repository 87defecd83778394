//! The machine a report or record was made on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The machine a report or record was made on. What cannot be found out is `unknown`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Model of the processor.
    pub(crate) cpu: String,
    /// Threads this process may use.
    pub(crate) cores: usize,
    /// Caches of the first core, such as `L2 512K`.
    pub(crate) caches: Vec<String>,
    /// Vector extensions that matter here.
    pub(crate) features: Vec<String>,
    /// Main memory.
    pub(crate) memory: String,
    /// Operating system and architecture.
    pub(crate) os: String,
    /// Compiler.
    pub(crate) rustc: String,
    /// UTC date and time.
    pub(crate) date: String,
    /// Commit of the workspace, with `-dirty` where tracked files differ from it.
    pub(crate) commit: String,
}

impl Machine {
    /// Looks at this machine; `root` is the root of the workspace.
    pub(crate) fn detect(root: &Path) -> Self {
        let unknown = || "unknown".to_string();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        Self {
            cpu: field(&cpuinfo, "model name")
                .map(str::to_string)
                .or_else(|| output(root, "sysctl", &["-n", "machdep.cpu.brand_string"]))
                .unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            caches: caches(Path::new("/sys/devices/system/cpu/cpu0/cache")),
            features: vector_features(),
            memory: field(&meminfo, "MemTotal").and_then(gibibytes).unwrap_or_else(unknown),
            os: operating_system(),
            rustc: output(root, rustc, &["--version"]).unwrap_or_else(unknown),
            date: date(SystemTime::now()),
            commit: commit(root).unwrap_or_else(unknown),
        }
    }

    /// Name and value of every entry, in a fixed order.
    pub(crate) fn entries(&self) -> Vec<(&'static str, String)> {
        let list = |items: &[String]| match items {
            [] => "unknown".to_string(),
            _ => items.join(", "),
        };
        vec![
            ("Processor", self.cpu.clone()),
            ("Threads", self.cores.to_string()),
            ("Caches", list(&self.caches)),
            ("Vector extensions", list(&self.features)),
            ("Memory", self.memory.clone()),
            ("System", self.os.clone()),
            ("Compiler", self.rustc.clone()),
            ("Date", self.date.clone()),
            ("Commit", self.commit.clone()),
        ]
    }
}

/// The value after `name` and a colon, at its first occurrence.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn gibibytes(kibibytes: &str) -> Option<String> {
    let number: f64 = kibibytes.split_whitespace().next()?.parse().ok()?;
    Some(format!("{:.1} GiB", number / (1024.0 * 1024.0)))
}

fn caches(directory: &Path) -> Vec<String> {
    let read = |index: usize, name: &str| {
        let path = directory.join(format!("index{index}")).join(name);
        fs::read_to_string(path).ok().map(|text| text.trim().to_string())
    };
    (0..8)
        .map_while(|index| {
            let kind = match read(index, "type")?.as_str() {
                "Data" => "d",
                "Instruction" => "i",
                _ => "",
            };
            Some(format!("L{}{kind} {}", read(index, "level")?, read(index, "size")?))
        })
        .collect()
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn vector_features() -> Vec<String> {
    let found = [
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512dq", is_x86_feature_detected!("avx512dq")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
    ];
    found.iter().filter(|(_, has)| *has).map(|(name, _)| (*name).to_string()).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
fn vector_features() -> Vec<String> {
    if cfg!(target_arch = "aarch64") { vec!["neon".into()] } else { vec![] }
}

fn operating_system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    format!("{name}, {}", std::env::consts::ARCH)
}

fn commit(root: &Path) -> Option<String> {
    let head = output(root, "git", &["rev-parse", "--short=12", "HEAD"])?;
    let changes = output(root, "git", &["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { head } else { head + "-dirty" })
}

fn output(root: &Path, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(root).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}

/// `YYYY-MM-DD hh:mm UTC`.
fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let minutes = seconds % 86_400 / 60;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// Year, month and day of the Gregorian calendar, counted from 1 January 1970. Years begin in March
/// here, which puts the leap day at the end.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(date(UNIX_EPOCH), "1970-01-01 00:00 UTC");
        let leap = UNIX_EPOCH + Duration::from_secs(951_782_400);
        assert_eq!(date(leap), "2000-02-29 00:00 UTC");
        let last = UNIX_EPOCH + Duration::from_secs(4_102_444_799);
        assert_eq!(date(last), "2099-12-31 23:59 UTC");
    }

    #[test]
    fn consecutive_days_are_consecutive_dates() {
        let mut before = civil(0);
        for day in 1..150_000 {
            let after = civil(day);
            let next_day = (before.0, before.1, before.2 + 1);
            let next_month = (before.0, before.1 + 1, 1);
            let next_year = (before.0 + 1, 1, 1);
            assert!([next_day, next_month, next_year].contains(&after), "{before:?} {after:?}");
            before = after;
        }
    }

    #[test]
    fn fields_are_found_by_name() {
        let text = "model\t\t: 1\nmodel name\t: A: B\nmodel name\t: C\n";
        assert_eq!(field(text, "model name"), Some("A: B"));
        assert_eq!(field(text, "name"), None);
        assert_eq!(gibibytes("1048576 kB").as_deref(), Some("1.0 GiB"));
        assert_eq!(gibibytes(""), None);
    }

    #[test]
    fn every_entry_has_a_value() {
        let machine = Machine::detect(&crate::files::workspace_root());
        assert!(machine.cores > 0);
        assert!(machine.entries().iter().all(|(_, value)| !value.is_empty()));
    }
}
