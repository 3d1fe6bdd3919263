//! What makes the config profile: the part of a Claude home that its user wrote.

use std::path::Path;

/// Whether a name is kept as one file or with all that lies below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One file of exactly this name.
    File,
    /// A folder, at any depth.
    Folder,
}

/// One place of a Claude home that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Below the home, with `/` between its parts: `plugins/data`.
    pub path: &'static str,
    /// One file, or a folder with all that it holds.
    pub shape: Shape,
}

/// The places of the profile; status-line scripts come on top, see [`is_status_line_name`].
pub const PLACES: &[Place] = &[
    Place::file("CLAUDE.md"),
    Place::file("settings.json"),
    Place::file("settings.local.json"),
    Place::file("keybindings.json"),
    Place::file("loop.md"),
    Place::folder("rules"),
    Place::folder("commands"),
    Place::folder("agents"),
    Place::folder("agent-memory"),
    Place::folder("skills"),
    Place::folder("hooks"),
    Place::folder("output-styles"),
    Place::folder("themes"),
    Place::folder("workflows"),
    // The rest of `plugins/` is fetched again on need.
    Place::file("plugins/installed_plugins.json"),
    Place::file("plugins/known_marketplaces.json"),
    Place::folder("plugins/data"),
];

/// Within those places, what is fetched again on need; each part may hold `*`.
pub const LEFT_OUT: &[&[&str]] = &[&["skills", "synced"]];

/// How the script that draws the status line is called where it lies at the top of the home.
const STATUS_LINE_NAMES: &[&str] = &["statusline", "status-line"];

impl Place {
    /// A place that is one file.
    #[must_use]
    pub const fn file(path: &'static str) -> Self {
        Self { path, shape: Shape::File }
    }

    /// A place that is a folder.
    #[must_use]
    pub const fn folder(path: &'static str) -> Self {
        Self { path, shape: Shape::Folder }
    }

    /// True where the place has every file that lies in a folder, named relative to the home.
    #[must_use]
    pub fn holds_files_in(&self, folder: &Path) -> bool {
        self.shape == Shape::Folder && folder.starts_with(self.path)
    }

    /// The name of the one file that the place is, where it lies directly in a folder.
    #[must_use]
    pub fn file_in(&self, folder: &Path) -> Option<&'static str> {
        let (above, name) = self.path.rsplit_once('/').unwrap_or(("", self.path));
        (self.shape == Shape::File && folder == Path::new(above)).then_some(name)
    }

    /// True where a folder of this name, relative to the home, is the place, above it or in it.
    #[must_use]
    pub fn meets_folder(&self, relative: &Path) -> bool {
        let place = Path::new(self.path);
        match self.shape {
            Shape::File => place.starts_with(relative) && relative != place,
            Shape::Folder => place.starts_with(relative) || relative.starts_with(place),
        }
    }
}

/// True where a file at the top of the home is a status-line script, by its name.
#[must_use]
pub fn is_status_line_name(relative: &Path) -> bool {
    if relative.components().count() != 1 {
        return false;
    }
    let name = relative.to_string_lossy().to_lowercase();
    STATUS_LINE_NAMES.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_holds_what_is_below_it_and_nothing_beside() {
        let data = Place::folder("plugins/data");
        assert!(data.holds_files_in(Path::new("plugins/data")));
        assert!(data.holds_files_in(Path::new("plugins/data/x")));
        assert!(!data.holds_files_in(Path::new("plugins")));
        assert!(!data.holds_files_in(Path::new("plugins/database/x")));
        let known = Place::file("plugins/known.json");
        assert_eq!(known.file_in(Path::new("plugins")), Some("known.json"));
        assert_eq!(Place::file("loop.md").file_in(Path::new("")), Some("loop.md"));
        assert_eq!(known.file_in(Path::new("")), None);
        assert_eq!(data.file_in(Path::new("plugins")), None);
        for folder in ["", "plugins", "plugins/data", "plugins/data/x"] {
            assert!(data.meets_folder(Path::new(folder)), "{folder}");
        }
        assert!(!data.meets_folder(Path::new("plugins/cache")));
        assert!(!Place::file("CLAUDE.md").meets_folder(Path::new("CLAUDE.md")));
    }

    #[test]
    fn status_line_scripts_are_known_by_name_at_the_top_only() {
        for name in ["statusline.sh", "statusLine.py", "status-line", "statusline-command.sh"] {
            assert!(is_status_line_name(Path::new(name)), "{name}");
        }
        for name in ["cache/statusline.sh", "status.sh", "my-statusline.sh", ""] {
            assert!(!is_status_line_name(Path::new(name)), "{name}");
        }
    }
}
