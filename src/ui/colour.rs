//! Whether colour is wanted: the flag first, then the variables, then the terminal.

use clap::ValueEnum;

use crate::env::Env;

/// What `--color` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColourWish {
    /// Colour on a terminal, unless a variable says otherwise
    #[default]
    Auto,
    /// Colour everywhere
    Always,
    /// No colour anywhere
    Never,
}

/// Whether a stream gets colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// It does.
    Always,
    /// It does not.
    Never,
}

impl ColourWish {
    /// Decides for a stream that is or is not a terminal.
    #[must_use]
    pub fn resolve(self, env: &Env, terminal: bool) -> Colour {
        match self {
            Self::Always => Colour::Always,
            Self::Never => Colour::Never,
            Self::Auto => automatic(env, terminal),
        }
    }
}

fn automatic(env: &Env, terminal: bool) -> Colour {
    let is = |name: &str, value: &str| env.variable(name).is_some_and(|set| set == value);
    let forced = env.variable("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    if env.variable("NO_COLOR").is_some() {
        return Colour::Never;
    }
    if forced {
        return Colour::Always;
    }
    if terminal && !is("TERM", "dumb") && !is("CLICOLOR", "0") {
        return Colour::Always;
    }
    Colour::Never
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sandbox;

    #[test]
    fn the_flag_beats_the_variables_and_those_beat_the_terminal() {
        use Colour::{Always, Never};
        for (wish, variables, terminal, colour) in [
            (ColourWish::Auto, &[][..], true, Always),
            (ColourWish::Auto, &[], false, Never),
            (ColourWish::Auto, &[("NO_COLOR", "1")], true, Never),
            (ColourWish::Auto, &[("NO_COLOR", "")], true, Always),
            (ColourWish::Auto, &[("TERM", "dumb")], true, Never),
            (ColourWish::Auto, &[("CLICOLOR", "0")], true, Never),
            (ColourWish::Auto, &[("CLICOLOR_FORCE", "1")], false, Always),
            (ColourWish::Auto, &[("CLICOLOR_FORCE", "0")], false, Never),
            (ColourWish::Auto, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true, Never),
            (ColourWish::Always, &[("NO_COLOR", "1")], false, Always),
            (ColourWish::Never, &[("CLICOLOR_FORCE", "1")], true, Never),
        ] {
            let (_home, mut env) = sandbox();
            for (name, value) in variables {
                env = env.with_variable(name, *value);
            }
            assert_eq!(wish.resolve(&env, terminal), colour, "{wish:?} {variables:?} {terminal}");
        }
    }
}
