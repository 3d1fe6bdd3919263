//! The deny list: names of files and folders that hold credentials, keys or live state.

/// Names in a row (lower case, `*` within a name, `**` for any row) whose last one is denied.
pub(super) struct Rule {
    pub(super) names: &'static [&'static str],
    pub(super) place: RulePlace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RulePlace {
    /// In any folder.
    Anywhere,
    /// From the top of a Claude home on: these words are harmless as the name of a skill.
    ClaudeHome,
}

/// Rules of more than one name, and those for the top of a Claude home.
#[rustfmt::skip]
pub(super) const PLACED: &[Rule] = &[
    // Live state of Claude Code: socket and editor tokens, exported variables.
    claude_home(&["ide"]),
    claude_home(&["daemon"]),
    claude_home(&["daemon.*"]),
    claude_home(&["session-env"]),
    claude_home(&["shell-snapshots"]),
    claude_home(&["statsig"]),

    // Logins of other programs, at the places where these keep them.
    below(&[".config", "anthropic"]),
    below(&[".config", "gcloud"]),
    below(&[".config", "gh", "hosts.yml"]),
    below(&[".config", "github-copilot"]),
    below(&[".config", "glab-cli"]),
    below(&[".config", "hub"]),
    below(&[".config", "op"]),
    below(&[".config", "doctl"]),
    below(&[".config", "rclone"]),
    below(&[".config", "configstore"]),
    below(&[".config", "hcloud"]),
    below(&[".config", "linode-cli"]),
    below(&[".config", "scw"]),
    below(&[".config", "sops"]),
    below(&[".config", "stripe"]),
    below(&[".config", "solana"]),
    below(&[".config", "borg"]),
    below(&[".config", "filezilla"]),
    below(&[".config", "keepassxc"]),
    below(&[".config", "bitwarden cli"]),
    below(&[".docker", "config.json"]),
    below(&[".oci", "config"]),
    below(&[".m2", "settings.xml"]),
    below(&[".m2", "settings-security.xml"]),
    below(&[".gradle", "gradle.properties"]),
    below(&[".bundle", "config"]),
    below(&[".circleci", "cli.yml"]),
    below(&[".travis", "config.yml"]),
    below(&[".snowsql", "config"]),
    below(&[".mc", "config.json"]),
    below(&[".fly", "config.yml"]),
    below(&[".local", "share", "keyrings"]),
    below(&[".local", "share", "kwalletd"]),
    below(&["library", "keychains"]),
    below(&["io.datasette.llm", "keys.json"]),
    below(&[".local", "share", "fish", "fish_history"]),

    // Logins and MCP configuration of other agents: servers' keys are written into these.
    below(&["storage", "session_share"]),
    below(&[".codex", "secrets"]),
    below(&[".codex", "shell_snapshots"]),
    below(&[".codex", "logs_*.sqlite*"]),
    below(&[".codex", "config.toml"]),
    below(&[".gemini", "settings.json"]),
    below(&[".continue", "config.json"]),
    below(&[".continue", "config.yaml"]),
    below(&[".continue", "config.ts"]),

    // Stores of editors and browsers, where they keep them; elsewhere the words mean nothing.
    below(&[".config", "**", "cookies"]),
    below(&[".config", "**", "indexeddb"]),
    below(&[".config", "chromium"]),
    below(&[".config", "google-chrome*"]),
    below(&[".config", "bravesoftware"]),
    below(&[".config", "microsoft-edge*"]),
    below(&[".config", "vivaldi*"]),
    below(&["application support", "**", "cookies"]),
    below(&["application support", "**", "indexeddb"]),
    below(&["appdata", "**", "cookies"]),
    below(&["appdata", "**", "indexeddb"]),
    below(&["default", "indexeddb"]),
    below(&["profile *", "indexeddb"]),
];

/// Names that are denied in any folder, files and folders alike.
#[rustfmt::skip]
pub(super) const NAMES: &[&str] = &[
    // Logins of Claude Code, and whatever looks like them.
    "credentials.json", ".credentials", "claude.json", "mcp-needs-auth-cache.json",

    // Environment files; this also covers those of `channels/`.
    ".env", ".envrc", ".dev.vars", "env.prod", "env.production", "env.dev", "env.development",
    "env.staging", "env.local", "env.live",

    // Folders of keys and logins.
    ".ssh", ".gnupg", ".password-store", ".aws", ".azure", ".kube", ".secrets", ".secret", ".auth",
    ".mozilla", ".thunderbird", ".putty", ".pki", ".cloudflared", ".subversion", ".filezilla",
    ".wireguard", ".keychain",

    // Logins of other programs.
    ".netrc", "_netrc", ".authinfo", ".npmrc", ".yarnrc.yml", ".yarnrc", ".pypirc",
    ".git-credentials", ".dockercfg", ".dockerconfigjson", ".pgpass", "pgpass.conf", ".my.cnf",
    ".mylogin.cnf", ".htpasswd", "htpasswd", ".htdigest", ".terraformrc", "terraform.rc",
    "credentials.tfrc.json", ".boto", ".s3cfg", ".passwd-s3fs", "rclone.conf", ".smbcredentials",
    ".msmtprc", ".fetchmailrc", ".offlineimaprc", ".databrickscfg", ".sentryclirc",
    ".wakatime.cfg", "kaggle.json", "ngrok.yml", "azureprofile.json", "msal_token_cache.json",
    "msal_token_cache.bin", "application_default_credentials.json", ".vault_pass", ".vault-pass",
    "vault_pass.txt", "sitemanager.xml", "rootkey.csv",

    // Logins and MCP configuration of other agents.
    "auth.json", "auth.toml", "mcp-auth.json", "oauth_creds.json", "gemini-credentials.json",
    "mcp-oauth-tokens.json", "a2a-oauth-tokens.json", "google_accounts.json", ".mcp.json",
    "mcp.json", "claude_desktop_config.json", ".aider.conf.yml", "oauth-keys.env",

    // Stores of browsers and wallets.
    "local storage", "session storage", "login data", "login data for account", "web data",
    "local state", "key3.db", "key4.db", "logins.json", "logins-backup.json", "signons.sqlite",
    "cookies.sqlite", "cookies.txt", "cookies.json", "formhistory.sqlite", "storagestate.json",
    "storage_state.json", "wallet.dat",
];

/// Names that are denied in any folder, as files only: the skill `cookies` is harmless.
#[rustfmt::skip]
pub(super) const FILE_NAMES: &[&str] = &[
    "cookies", "cookies-journal", ".histfile", ".zhistory", ".history", ".lesshst",
    "consolehost_history.txt", "secring.gpg", ".rhosts",
];

/// Endings that are denied in any folder.
#[rustfmt::skip]
pub(super) const EXTENSIONS: &[&str] = &[
    // Keys, and archives of keys.
    "pem", "key", "p12", "pfx", "pkcs12", "p8", "der", "ppk", "age", "gpg", "pgp", "asc", "jks",
    "jceks", "bks", "keystore", "keytab", "kdbx", "kdb", "kwl", "keyring", "keychain",
    "keychain-db", "agilekeychain", "opvault", "1pux", "psafe3",

    // Environment files, and configuration that carries its keys.
    "env", "ovpn", "tfstate", "tfvars", "kubeconfig",
];

/// Patterns that are denied in any folder.
#[rustfmt::skip]
pub(super) const PATTERNS: &[&str] = &[
    "*.credentials.json*", "*.encryption_key*", ".claude.json*",
    ".env.*", ".env-*", ".env_*", ".dev.vars.*",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
    "*.tfvars.json", "client_secret*.json", "service-account*.json", "service_account*.json",
    "serviceaccount*.json", "*-firebase-adminsdk-*.json", "gha-creds-*.json", "*accesskeys.csv",
    "wg0*.conf", "wg1*.conf", "utc--20*", ".*_history", "state.vscdb*", "chrome passwords*.csv",
];

/// Words that make a file a store of secrets where its ending is one of data; as the name of a
/// document or of source code (`tokens.md`, `credentials.py`) they are harmless.
///
/// A leading dot, spaces, dashes and underscores in the name do not count.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "credential", "credentials", "secret", "secrets", "token", "tokens", "password", "passwords",
    "passwd", "passphrase", "apikey", "apikeys", "apitoken", "apitokens", "accesskey",
    "accesskeys", "accesstoken", "accesstokens", "authtoken", "authtokens", "refreshtoken",
    "refreshtokens", "sessiontoken", "bearertoken", "bottoken", "vaulttoken", "vaultpass",
    "vaultpassword", "githubtoken", "gitlabtoken", "npmtoken", "slacktoken", "hftoken",
    "oauthtoken", "oauthtokens", "clientsecret", "clientsecrets", "privatekey", "secretkey",
    "secretkeys", "masterkey", "serviceaccount", "serviceaccountkey", "kubeconfig",
    "awscredentials", "gcpcredentials", "googlecredentials", "usercredentials", "dbcredentials",
    "dbpassword", "anthropicapikey", "anthropickey", "openaiapikey", "openaikey", "claudeapikey",
];

/// Endings of files of data; a name without any counts too.
#[rustfmt::skip]
pub(super) const DATA_EXTENSIONS: &[&str] = &[
    "json", "json5", "jsonc", "yaml", "yml", "toml", "ini", "cfg", "conf", "properties", "plist",
    "txt", "csv", "tsv", "xml", "db", "sqlite", "dat", "bin",
];

const fn below(names: &'static [&'static str]) -> Rule {
    Rule { names, place: RulePlace::Anywhere }
}

const fn claude_home(names: &'static [&'static str]) -> Rule {
    Rule { names, place: RulePlace::ClaudeHome }
}
