//! Names and texts as SQL. Pure.

/// A quoted identifier.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string constant that means the same whatever `standard_conforming_strings` is.
#[must_use]
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", quoted.replace('\\', r"\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// `literal`, or NULL.
#[must_use]
pub fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), literal)
}

/// An array constant of texts.
#[must_use]
pub fn text_array(texts: &[&str]) -> String {
    let items: Vec<String> = texts.iter().map(|text| literal(text)).collect();
    format!("CAST(ARRAY[{}] AS pg_catalog.text[])", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_backslashes_mean_themselves() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
        assert_eq!(optional(None), "NULL");
        assert_eq!(
            text_array(&["a", "b"]),
            "CAST(ARRAY['a', 'b'] AS pg_catalog.text[])"
        );
        assert_eq!(text_array(&[]), "CAST(ARRAY[] AS pg_catalog.text[])");
    }
}
