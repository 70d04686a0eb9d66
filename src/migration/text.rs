//! Bytes of a file as text: decoding, and lines. Pure.

use crate::error::{Excerpt, FileFault};

/// UTF-8 without a byte order mark and without NUL, which no PostgreSQL text can hold.
pub(super) fn decode(path: &str, mut bytes: Vec<u8>) -> Result<String, FileFault> {
    let fault = |line: Option<usize>, message: String| FileFault {
        path: path.to_owned(),
        line,
        message,
        hint: "save the file as UTF-8 text".to_owned(),
    };
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(fault(None, "the text is UTF-16".to_owned()));
    }
    let mark = if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        3
    } else {
        0
    };
    bytes.drain(..mark);
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        let message = format!("a NUL byte (byte {} of the file)", mark + offset);
        return Err(fault(Some(line_at(&bytes, offset)), message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let message = format!(
            "not UTF-8: byte 0x{:02X} (byte {} of the file)",
            bytes[offset],
            mark + offset
        );
        fault(Some(line_at(bytes, offset)), message)
    })
}

/// The line of a byte, from 1.
pub(super) fn line_at(bytes: &[u8], offset: usize) -> usize {
    let before = bytes.get(..offset).unwrap_or(bytes);
    before.split(|&byte| byte == b'\n').count()
}

/// Finds the lines of bytes that come in order, without counting from the start each time.
pub(super) struct LineCursor<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
}

impl<'t> LineCursor<'t> {
    pub(super) fn new(text: &'t str) -> LineCursor<'t> {
        LineCursor {
            text,
            offset: 0,
            line: 1,
        }
    }

    /// The line of a byte, from 1; the byte does not lie before the last one.
    pub(super) fn line_of(&mut self, offset: usize) -> usize {
        let between = self
            .text
            .as_bytes()
            .get(self.offset..offset)
            .unwrap_or_default();
        self.line += line_at(between, between.len()) - 1;
        self.offset = self.offset.max(offset);
        self.line
    }
}

/// The line around a byte of the text.
pub(super) fn excerpt(text: &str, offset: usize) -> Excerpt {
    let offset = text.floor_char_boundary(offset);
    let (before, after) = text.split_at(offset);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = after
        .find('\n')
        .map_or(text.len(), |newline| offset + newline);
    Excerpt {
        line: line_at(text.as_bytes(), offset),
        column: text[start..offset].chars().count() + 1,
        text: text[start..end].trim_end_matches('\r').to_owned(),
    }
}
