//! Names of tables: as a setting gives them, and in full. Pure.

use std::fmt;

use super::quote;

/// `[SCHEMA.]NAME`, read as SQL reads it: folded to lower case unless quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// None: the table is looked for along the `search_path`.
    pub schema: Option<String>,
    pub name: String,
}

/// The full name of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName {
    pub schema: String,
    pub name: String,
}

impl QualifiedName {
    /// Both parts quoted, as SQL of our own writes it.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!(
            "{}.{}",
            quote::identifier(&self.schema),
            quote::identifier(&self.name)
        )
    }
}

impl fmt::Display for QualifiedName {
    /// As a user writes it: quoted only where it must be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", Plain(&self.schema), Plain(&self.name))
    }
}

/// A name without quotes if it needs none.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |c: char| c.is_ascii_lowercase() || c == '_';
        let plain =
            self.0.starts_with(letter) && self.0.chars().all(|c| letter(c) || c.is_ascii_digit());
        if plain {
            f.write_str(self.0)
        } else {
            f.write_str(&quote::identifier(self.0))
        }
    }
}

/// The longest name that PostgreSQL keeps whole, in bytes: NAMEDATALEN - 1.
const LONGEST: usize = 63;

impl TableName {
    /// The table that is used unless `--table` names another.
    #[must_use]
    pub fn usual() -> TableName {
        TableName {
            schema: None,
            name: "schema_migrations".to_owned(),
        }
    }

    /// Reads `[SCHEMA.]NAME`.
    ///
    /// # Errors
    /// What is wrong with the name, in words.
    pub fn parse(text: &str) -> Result<TableName, String> {
        let (first, rest) = part(text)?;
        let name = match rest.strip_prefix('.') {
            None if rest.is_empty() => TableName {
                schema: None,
                name: first,
            },
            Some(rest) => match part(rest)? {
                (name, "") => TableName {
                    schema: Some(first),
                    name,
                },
                _ => return Err("it has more than two parts; write [SCHEMA.]NAME".to_owned()),
            },
            None => return Err("there is text after the closing quote".to_owned()),
        };
        if name
            .schema
            .as_ref()
            .is_some_and(|schema| schema.starts_with("pg_") || schema == "information_schema")
        {
            return Err("that schema belongs to the system".to_owned());
        }
        Ok(name)
    }
}

/// The first part of a name and what follows it.
fn part(text: &str) -> Result<(String, &str), String> {
    let (name, rest) = if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut rest = quoted;
        loop {
            let (before, after) = rest.split_once('"').ok_or("a double quote is not closed")?;
            name.push_str(before);
            rest = after;
            match rest.strip_prefix('"') {
                Some(after) => {
                    name.push('"');
                    rest = after;
                }
                None => break (name, rest),
            }
        }
    } else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        if !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
            return Err(
                "a name with anything but letters, digits and _ must stand in double quotes"
                    .to_owned(),
            );
        }
        (name.to_lowercase(), rest)
    };
    if name.is_empty() {
        return Err("a part of it is empty; write [SCHEMA.]NAME".to_owned());
    }
    if name.len() > LONGEST {
        return Err(format!("a name has at most {LONGEST} bytes"));
    }
    if name.contains('\0') {
        return Err("a name holds no NUL".to_owned());
    }
    Ok((name, rest))
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", Plain(schema))?;
        }
        write!(f, "{}", Plain(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Result<(Option<&str>, &str), &str>) {
        match (TableName::parse(input), expected) {
            (Ok(got), Ok((schema, name))) => {
                assert_eq!(
                    (got.schema.as_deref(), got.name.as_str()),
                    (schema, name),
                    "{input:?}"
                );
            }
            (Err(message), Err(part)) => assert!(message.contains(part), "{input:?}: {message}"),
            (got, expected) => panic!("{input:?}: {got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_table_name_is_read_as_sql_reads_it() {
        check("history", Ok((None, "history")));
        check("Ops.History", Ok((Some("ops"), "history")));
        check(
            "\"Ops\".\"my \"\"table\"\"\"",
            Ok((Some("Ops"), "my \"table\"")),
        );
        check("\"a.b\"", Ok((None, "a.b")));
    }

    #[test]
    fn a_name_that_postgresql_would_not_keep_is_refused() {
        check("", Err("empty"));
        check("a.", Err("empty"));
        check(".a", Err("empty"));
        check("a.b.c", Err("more than two parts"));
        check("\"a", Err("not closed"));
        check("\"a\"b", Err("after the closing quote"));
        check("a-b", Err("double quotes"));
        check("a;drop", Err("double quotes"));
        check("pg_catalog.x", Err("system"));
        check(&"a".repeat(64), Err("63 bytes"));
    }
}
