//! Texts with places to fill in.

/// The text with each `{{name}}` replaced by its value; values are not looked into.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        text.push_str(value.expect("the templates are our own").1);
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_looks_like_a_place_stays_a_value() {
        let filled = fill("<{{a}}> {{b}}!", &[("a", "{{b}}"), ("b", "x")]);
        assert_eq!(filled, "<{{b}}> x!");
    }
}
