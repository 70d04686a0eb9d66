//! The two forms of a connection string, taken apart as libpq does.

use super::ConnInfo;
use super::error::{ConnInfoError, Part};
use super::keys::{self, Key};

pub(super) fn parse(text: &str) -> Result<ConnInfo, ConnInfoError> {
    if text.contains('\0') {
        return Err(ConnInfoError::NulByte);
    }
    let text = unquoted(text);
    match scheme(text) {
        Some((scheme, rest)) if is_postgres(scheme) => url(rest.trim_end()),
        Some((scheme, _)) => Err(ConnInfoError::OtherScheme {
            scheme: scheme.to_owned(),
        }),
        None => pairs(text),
    }
}

/// C's `isspace`; Rust's ASCII blanks lack the vertical tab.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

/// Without the blanks in front and one pair of quotes around all.
///
/// Blanks at the end stay: in `password=x\ ` the last one belongs to the value.
fn unquoted(text: &str) -> &str {
    let start = text.trim_start();
    let inside = ['"', '\''].iter().find_map(|quote| {
        let rest = start.trim_end().strip_prefix(*quote)?;
        rest.strip_suffix(*quote)
    });
    inside.map_or(start, str::trim_start)
}

/// What stands before `://`, if it can be a scheme, and what stands after.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    // `jdbc:postgresql`, too, is better named than taken for a password.
    let name = scheme.strip_prefix("jdbc:").unwrap_or(scheme);
    let fits = (1..=30).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte));
    fits.then_some((scheme, rest))
}

/// libpq's two schemes in any case, PHP's, and `SQLAlchemy`'s with a driver.
fn is_postgres(scheme: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    let (name, driver) = scheme.split_once('+').unwrap_or((&scheme, ""));
    matches!(name, "postgres" | "postgresql") || (name == "pgsql" && driver.is_empty())
}

/// `key=value key='a value' …`
fn pairs(text: &str) -> Result<ConnInfo, ConnInfoError> {
    if !text.trim().is_empty() && !text.contains('=') {
        return Err(ConnInfoError::NoScheme);
    }
    let mut info = ConnInfo::default();
    let mut last: Option<Key> = None;
    let mut rest = text.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let end = rest.find(|c| c == '=' || is_blank(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if last.is_none() && name.contains([':', '/', '@']) {
            return Err(ConnInfoError::NoScheme);
        }
        let Some(after) = after.trim_start_matches(is_blank).strip_prefix('=') else {
            return Err(ConnInfoError::MissingEquals);
        };
        let key = find(name, last.is_some_and(Key::is_secret))?;
        let (value, after) = pair_value(after.trim_start_matches(is_blank))?;
        key.put(&mut info, value.into_bytes())?;
        last = Some(key);
        rest = after.trim_start_matches(is_blank);
    }
    Ok(info)
}

/// Looks up a keyword, and names an unknown one only if it is no piece of a password.
fn find(name: &str, may_be_secret: bool) -> Result<Key, ConnInfoError> {
    keys::find(name).map_err(|error| match error {
        ConnInfoError::UnknownKey { .. } if may_be_secret => {
            ConnInfoError::UnknownKey { key: None }
        }
        error => error,
    })
}

/// The value in front, and what follows it.
fn pair_value(text: &str) -> Result<(String, &str), ConnInfoError> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            // Makes the next character plain; at the very end it is dropped.
            '\\' => value.extend(characters.next().map(|(_, plain)| plain)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            blank if !quoted && is_blank(blank) => return Ok((value, &text[at..])),
            plain => value.push(plain),
        }
    }
    if quoted {
        return Err(ConnInfoError::UnterminatedQuote);
    }
    Ok((value, ""))
}

/// `[user[:password]@][host][:port][,…][/dbname][?key=value&…]`
fn url(text: &str) -> Result<ConnInfo, ConnInfoError> {
    refuse_stray_marks(text)?;
    let mut info = ConnInfo::default();
    let servers = match split_user(text) {
        Some((user, rest)) => {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            put_decoded(&mut info, "user", user)?;
            put_decoded(&mut info, "password", password)?;
            rest
        }
        None => text,
    };
    let (hosts, ports, rest) = split_servers(servers)?;
    put_decoded(&mut info, "host", &hosts)?;
    put_decoded(&mut info, "port", &ports)?;
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    put_decoded(&mut info, "dbname", path.strip_prefix('/').unwrap_or(path))?;
    put_parameters(&mut info, parameters)?;
    Ok(info)
}

/// User and password end at the first `@`, unless a `/` comes first.
fn split_user(text: &str) -> Option<(&str, &str)> {
    let at = text.find(['@', '/'])?;
    let rest = text[at..].strip_prefix('@')?;
    Some((&text[..at], rest))
}

/// Refuses what libpq would read as another server or database than was meant,
/// with a piece of the password for its name.
fn refuse_stray_marks(text: &str) -> Result<(), ConnInfoError> {
    if let Some((user, rest)) = split_user(text) {
        let name = user.split(':').next().unwrap_or(user);
        if name.contains('?') {
            return unescaped('?', Part::User);
        }
        if before(rest, '?').contains('@') {
            return unescaped('@', Part::UserOrPassword);
        }
        return Ok(());
    }
    let server = before(text, '/');
    let (Some((_, port)), Some(at)) = (server.split_once(':'), text.find('@')) else {
        return Ok(());
    };
    let port = port.split(['?', ',']).next().unwrap_or(port);
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    // In a sound parameter, `=` comes before any `@`.
    let is_parameter = is_port && text[..at].contains('=');
    if !text.starts_with('[') && !is_parameter {
        return unescaped('/', Part::Password);
    }
    Ok(())
}

fn unescaped<T>(character: char, part: Part) -> Result<T, ConnInfoError> {
    Err(ConnInfoError::Unescaped { character, part })
}

fn before(text: &str, mark: char) -> &str {
    text.split(mark).next().unwrap_or(text)
}

/// The hosts and the ports, each list with its commas, and what follows them.
fn split_servers(text: &str) -> Result<(String, String, &str), ConnInfoError> {
    let (mut hosts, mut ports, mut rest) = (String::new(), String::new(), text);
    loop {
        let (host, after) = split_host(rest)?;
        hosts += host;
        rest = after;
        if let Some(after) = rest.strip_prefix(':') {
            let end = after.find(['/', '?', ',']).unwrap_or(after.len());
            ports += &after[..end];
            rest = &after[end..];
        }
        let Some(after) = rest.strip_prefix(',') else {
            break;
        };
        hosts.push(',');
        ports.push(',');
        rest = after;
    }
    for (part, text) in [(Part::Host, &hosts), (Part::Port, &ports)] {
        // No name server knows such a host.
        if text.contains('#') {
            return unescaped('#', part);
        }
    }
    Ok((hosts, ports, rest))
}

/// One host, out of its brackets.
fn split_host(text: &str) -> Result<(&str, &str), ConnInfoError> {
    let Some(inside) = text.strip_prefix('[') else {
        let end = text.find([':', '/', '?', ',']).unwrap_or(text.len());
        return Ok(text.split_at(end));
    };
    match inside.split_once(']') {
        Some((host, rest))
            if !host.is_empty() && (rest.is_empty() || rest.starts_with([':', '/', '?', ','])) =>
        {
            Ok((host, rest))
        }
        _ => Err(ConnInfoError::BadBrackets),
    }
}

/// More kindly than libpq, passes over an empty parameter, and lets a value
/// hold `=` (`options=endpoint=…`).
fn put_parameters(info: &mut ConnInfo, text: &str) -> Result<(), ConnInfoError> {
    let mut last: Option<Key> = None;
    for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
        let Some((name, value)) = parameter.split_once('=') else {
            // An `@` before the `?` was in the password, too: `user:a@b?c@host`.
            if parameter.contains('@') {
                return unescaped('@', Part::UserOrPassword);
            }
            return Err(ConnInfoError::MissingEquals);
        };
        let name = decode(name, Part::Name)?;
        // A password with `?` ends up here, and an `@` behind it.
        let may_be_secret = last.is_some_and(Key::is_secret) || text.contains('@');
        let key = find(&String::from_utf8_lossy(&name), may_be_secret)?;
        let stored = key.put(info, decode(value, Part::of(key.name))?);
        if stored.is_err() && value.contains('#') {
            return unescaped('#', Part::of(key.name));
        }
        stored?;
        last = Some(key);
    }
    Ok(())
}

/// Stores a part of the URL, unless it is empty.
fn put_decoded(info: &mut ConnInfo, key: &str, text: &str) -> Result<(), ConnInfoError> {
    if text.is_empty() {
        return Ok(());
    }
    let key = keys::find(key)?;
    key.put(info, decode(text, Part::of(key.name))?)
}

/// Replaces percent codes; a zero byte is none, and a `+` stays one.
fn decode(text: &str, part: Part) -> Result<Vec<u8>, ConnInfoError> {
    let mut pieces = text.as_bytes().split(|byte| *byte == b'%');
    let mut bytes = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let byte = match piece {
            [high, low, ..] => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match byte.map(|(high, low)| high << 4 | low) {
            None | Some(0) => return Err(ConnInfoError::BadPercentCode { part }),
            Some(byte) => bytes.push(byte),
        }
        bytes.extend_from_slice(&piece[2..]);
    }
    Ok(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
