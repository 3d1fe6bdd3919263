//! What secrets look like.

/// One kind, by its shape.
pub(super) struct Rule {
    pub(super) kind: &'static str,
    /// A regular expression over bytes; its first group, if it has one, is the secret itself.
    shape: &'static str,
    /// Bits a letter: words and repetitions have fewer.
    least_entropy: f64,
    needs: Needs,
}

impl Rule {
    const fn new(kind: &'static str, shape: &'static str) -> Self {
        Self { kind, shape, least_entropy: 2.5, needs: Needs::Anything }
    }

    /// The expression without Unicode classes, which would take a hundred times as long to compile.
    pub(super) fn pattern(&self) -> String {
        format!("(?-u){}", self.shape)
    }

    /// Returns true if what matched is as random as a secret, and not the placeholder for one.
    pub(super) fn fits(&self, secret: &[u8]) -> bool {
        let text = secret.to_ascii_lowercase();
        let holds = |word: &&str| memchr::memmem::find(&text, word.as_bytes()).is_some();
        let has_digit = || secret.iter().any(u8::is_ascii_digit);
        entropy(secret) >= self.least_entropy
            && !PLACEHOLDERS.iter().any(holds)
            && (self.needs == Needs::Anything || has_digit())
    }
}

/// Words of documentation, where a secret would stand.
const PLACEHOLDERS: &[&str] = &[
    "your-",
    "your_",
    "example",
    "placeholder",
    "changeme",
    "redacted",
    "xxxx",
    "dummy",
    "sample-",
];

/// What a match needs to have, for rules that go by the name before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Anything,
    /// Names of variables and paths have none, as a rule.
    Digit,
}

/// Shannon's, in bits a byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let length = bytes.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    shares.map(|share| -share * share.log2()).sum()
}

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    // Claude's own; the logins come first, as a leaked one opens the account.
    Rule::new("Claude login token", r"sk-ant-oat\d\d-[\w-]{40,}"),
    Rule::new("Claude refresh token", r"sk-ant-ort\d\d-[\w-]{40,}"),
    Rule::new("Claude session key", r"sk-ant-sid\d\d-[\w-]{40,}"),
    Rule::new("Anthropic API key", r"sk-ant-[\w-]{20,}"),

    // Models.
    Rule::new("OpenAI key", r"\bsk-(?:proj|svcacct|admin)-[\w-]{40,}"),
    Rule::new("OpenAI key", r"\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b"),
    Rule::new("Google API key", r"\bAIza[\w-]{35}\b"),
    Rule::new("Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    Rule::new("Groq key", r"\bgsk_[A-Za-z0-9]{52}\b"),
    Rule::new("Perplexity key", r"\bpplx-[A-Za-z0-9]{48}\b"),
    Rule::new("xAI key", r"\bxai-[A-Za-z0-9]{70,}\b"),

    // Code and packages.
    Rule::new("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{36,})"),
    Rule::new("GitLab token", r"\bgl(?:pat|dt|rt|ptt|cbt|soat)-[\w-]{20,}"),
    Rule::new("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    Rule::new("PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[\w-]{50,}"),
    Rule::new("crates.io token", r"\bcio[A-Za-z0-9]{32}\b"),
    Rule::new("Docker token", r"\bdckr_(?:pat|oat)_[\w-]{27,}"),
    Rule::new("Terraform token", r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),

    // Clouds.
    Rule::new("AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    Rule::new("DigitalOcean token", r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    Rule::new("Databricks token", r"\bdapi[a-f0-9]{32}\b"),
    Rule::new("Azure storage key", r"AccountKey=([A-Za-z0-9+/]{86}==)"),
    Rule::new("Vault token", r"\bhv[sb]\.[\w-]{80,}"),
    Rule::new("Doppler token", r"\bdp\.pt\.[A-Za-z0-9]{43}\b"),
    Rule::new("Heroku key", r"\bHRKU-AA[\w-]{58}\b"),
    Rule::new("Fly.io token", r"\bfm2_[A-Za-z0-9+/]{100,}"),
    Rule::new("Cloudflare key", r"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146}\b"),

    // Services.
    Rule::new("Slack token", r"\bxox[abeoprs]-[\w-]{20,}"),
    Rule::new("Slack webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/([\w/+]{40,})"),
    Rule::new("Discord webhook", r"discord(?:app)?\.com/api/webhooks/\d+/([\w-]{60,})"),
    Rule::new("Telegram token", r"\b\d{8,10}:A[\w-]{34}\b"),
    Rule::new("Stripe key", r"\b[rs]k_(?:live|test|prod)_[A-Za-z0-9]{16,}"),
    Rule::new("Twilio key", r"\bSK[0-9a-f]{32}\b"),
    Rule::new("SendGrid key", r"\bSG\.[\w-]{22}\.[\w-]{43}\b"),
    Rule::new("Shopify token", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b"),
    Rule::new("Linear key", r"\blin_(?:api|oauth)_[A-Za-z0-9]{40}\b"),
    Rule::new("Notion token", r"\b(?:ntn|secret)_[A-Za-z0-9]{43,}\b"),
    Rule::new("Grafana token", r"\bgl(?:sa|c)_[A-Za-z0-9+/]{32,}"),
    Rule::new("Sentry token", r"\bsntry[su]_[A-Za-z0-9+/=_]{60,}"),
    Rule::new("Postman key", r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b"),
    Rule::new("Figma token", r"\bfig[dou]_[\w-]{40,}"),
    Rule::new("Supabase key", r"\bsb(?:p|_secret)_[\w-]{20,}"),

    // Whatever the service.
    Rule::new("private key", r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"),
    Rule::new("private key", r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
    Rule::new("signed token", r"\beyJ[\w-]{17,}\.eyJ[\w-]{17,}\.[\w-]{20,}"),
    Rule::new("password in an address", r#"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@"'<>{}$]{0,64}:([^\s/:@"'<>{}$*]{6,128})@[\w.-]+"#),
    Rule {
        kind: "secret by its name",
        shape: r#"(?i)(?:api.?key|access.?key|secret|auth.?token|[\w-]token|passw(?:or)?d|passphrase|credential|private.?key)[\w-]{0,20}["']?\s{0,3}(?:=|:|=>|:=)\s{0,3}["'`]?([\w./+=~-]{16,256})(?:["'`\s,;}]|$)"#,
        least_entropy: 3.7,
        needs: Needs::Digit,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_is_told_from_repetition() {
        assert!(entropy(b"aaaaaaaa") < 0.1);
        assert!((entropy(b"abcdabcd") - 2.0).abs() < 1e-9);
        assert!(entropy(b"aB3dE5gH7jK9mN2pQ4sT6vW8xY0z") > 4.0);
    }
}
