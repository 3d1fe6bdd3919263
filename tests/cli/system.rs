//! A system that starts programs at their time: its tools, as scripts that keep a diary.

use std::path::PathBuf;

use claude_backup::env::Os;

use crate::sandbox::{Sandbox, set_mode};

/// launchd's door. A service that is not loaded cannot be booted out, as on a Mac.
const LAUNCHCTL: &str = r#"
case "$1" in
bootstrap) fails bootstrap && exit 5; test -e loaded && exit 5; cp "$3" loaded ;;
bootout) test -e loaded || { echo 'Boot-out failed: 3: No such process' >&2; exit 3; }; rm loaded ;;
print) fails print && exit 113; test -e loaded || { echo 'Could not find service' >&2; exit 113; } ;;
*) exit 64 ;;
esac"#;

/// Apple's check of property lists, by the reader that Python has.
const PLUTIL: &str = r#"
fails lint && { echo 'Encountered unexpected character' >&2; exit 1; }
python3 -c 'import plistlib, sys; plistlib.load(open(sys.argv[1], "rb"))' "$2""#;

/// The user's service manager. A timer whose stamp is old catches up when it is started; one that
/// is disabled before it is stopped, and has no file any more, stays in the list as a failed one.
const SYSTEMCTL: &str = r#"
shift
case "$1" in
show) fails bus && { echo 'Failed to connect to bus: No medium found' >&2; exit 1; }; echo Version=252 ;;
daemon-reload) ;;
enable) fails enable && { echo 'Unit is masked.' >&2; exit 1; }
    test -e stamp && echo 'catches up' >> diary; touch active stamp ;;
disable) rm -f "$HOME/.config/systemd/user/timers.target.wants/claude-backup.timer" ;;
stop) rm -f active ;;
clean) rm -f stamp ;;
is-active) test -e active ;;
*) exit 64 ;;
esac"#;

/// Of nobody in particular it tells what is set for all users, and whether one lingers is not.
const LOGINCTL: &str = r#"
test "$1 $2" = 'show-user 501' || exit 1
if test -e lingers; then echo Linger=yes; else echo Linger=no; fi"#;

/// The user's table.
const CRONTAB: &str = r#"
case "$1" in
-l) fails list && { echo 'permission denied' >&2; exit 1; }; test -e table || { echo 'no crontab for dev' >&2; exit 1; }; cat table ;;
-) fails write && { echo 'errors in crontab file' >&2; exit 1; }; cat > table ;;
esac"#;

/// Which tools a machine has.
pub const MAC: &[(&str, &str)] = &[("launchctl", LAUNCHCTL), ("plutil", PLUTIL)];
pub const LINUX: &[(&str, &str)] =
    &[("systemctl", SYSTEMCTL), ("loginctl", LOGINCTL), ("crontab", CRONTAB)];
pub const OLD_LINUX: &[(&str, &str)] = &[("crontab", CRONTAB)];

/// A sandbox whose machine has these tools, and this program where programs are.
pub fn machine(os: Os, tools: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    let folder = sandbox.home("system");
    std::fs::create_dir_all(&folder).unwrap();
    let path = std::env::var("PATH").unwrap();
    for (name, script) in tools {
        let head = format!(
            "#!/bin/sh\nPATH='{path}'\ncd '{}' || exit 9\necho \"{name} $*\" >> diary\nfails() {{ test -e \"fails-$1\"; }}\n",
            folder.display()
        );
        sandbox.write(folder.join(name), head + script);
        set_mode(&folder.join(name), 0o755);
    }
    let program = sandbox.home("bin/claude-backup");
    sandbox.write(&program, "");
    let path = folder.to_str().unwrap().to_owned();
    sandbox.running(os, program).with_variable("PATH", path)
}

impl Sandbox {
    /// From now on the system refuses this.
    pub fn system_fails(&self, what: &str) -> &Self {
        self.write(self.tool(&format!("fails-{what}")), "")
    }

    /// What the tools were asked, in order; then the diary is empty.
    pub fn diary(&self) -> Vec<String> {
        let path = self.tool("diary");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::remove_file(path).ok();
        let home = self.home("").to_string_lossy().trim_end_matches('/').to_owned();
        text.lines().map(|line| line.replace(&home, "[HOME]")).collect()
    }

    /// A file of the system's.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.home("system").join(name)
    }
}
