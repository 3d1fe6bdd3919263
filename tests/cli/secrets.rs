//! What may hold secrets never reaches the repository: neither its objects nor its folder.

use crate::sandbox::{Sandbox, conversation};
use crate::witness::contains;

const ID: &str = "11111111-1111-4111-8111-111111111111";
const SECRET: &str = "sk-ant-THE-SECRET-0123456789";

/// Nothing in the backup folder, compressed or not, has the secret in it.
fn assert_secret_stays_home(sandbox: &Sandbox) {
    assert!(!contains(&sandbox.every_object(), SECRET), "in an object");
    let mut folders = vec![sandbox.backup("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            assert!(!contains(&std::fs::read(&path).unwrap(), SECRET), "{}", path.display());
            if path.extension().is_some_and(|end| end == "gz") {
                let name = path.strip_prefix(sandbox.stored("")).unwrap();
                assert!(!contains(&sandbox.unzipped(name), SECRET), "{}", path.display());
            }
        }
    }
    sandbox.assert_git_clean();
}

#[test]
fn credentials_at_any_depth_stay_home() {
    let sandbox = Sandbox::new();
    let names = [
        ".credentials.json",
        "credentials.json",
        ".Credentials.JSON",
        "my.credentials.json.bak",
        ".encryption_key",
        ".ENCRYPTION_KEY",
        ".claude.json",
        ".env",
        ".env.local",
        "id_rsa",
        "id_ed25519.pub",
        "server.pem",
        "tls.key",
        ".netrc",
        ".npmrc",
        ".git-credentials",
        "auth.json",
        "mcp-needs-auth-cache.json",
        "x.credentials.json/inner.txt",
        ".ssh/config",
        ".aws/credentials",
        ".gnupg/x",
    ];
    let folders = [
        "",
        "skills/x",
        "skills/x/deep/er",
        "hooks",
        "agents",
        "plugins/data/p",
        "projects/-p",
        "projects/-p/memory",
        "projects/-p/s/tool-results",
        "todos",
        "tasks/t",
        "paste-cache",
    ];
    for folder in folders {
        for name in names {
            sandbox.write(sandbox.claude(folder).join(name), SECRET);
        }
    }
    sandbox.write_session("-p", ID, 2).write(".claude/skills/x/SKILL.md", "skill").init();
    assert_secret_stays_home(&sandbox);
    let outcome = sandbox.json(&["sync", "--full"]);
    assert!(outcome["denied"].as_array().unwrap().len() > 200);
    assert_secret_stays_home(&sandbox);
    assert_eq!(sandbox.cloned("config/skills/x/SKILL.md"), b"skill");
    assert_eq!(sandbox.version(ID, 0), conversation(ID, 0..2).into_bytes());
}

#[test]
fn links_with_harmless_names_that_end_at_secrets_are_not_followed() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/.credentials.json", SECRET).write(".ssh/id_ed25519", SECRET);
    sandbox.write(".ssh/notes/inner.md", SECRET);
    sandbox.link(".claude/CLAUDE.md", ".credentials.json");
    sandbox.link(".claude/rules/notes.md", "../../.ssh/id_ed25519");
    sandbox.link(".claude/skills/notes", "../../.ssh/notes");
    sandbox.link(".claude/projects/-p/memory/notes.md", sandbox.home(".ssh/id_ed25519"));
    sandbox.link("two", ".ssh").link(".claude/skills/two", "../../two");
    sandbox.write_session("-p", ID, 2).init();
    assert_secret_stays_home(&sandbox);
}

#[test]
fn what_is_saved_is_no_longer_saved_once_it_links_to_a_secret() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/rules/notes.md", "notes").write(".ssh/id_ed25519", SECRET).init();
    sandbox.remove(".claude/rules/notes.md");
    sandbox.link(".claude/rules/notes.md", "../../.ssh/id_ed25519").sync();
    assert_secret_stays_home(&sandbox);
}
