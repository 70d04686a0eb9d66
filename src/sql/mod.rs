//! Reads SQL text: tokens, statements, what kind each statement is, and what
//! it would do to data that is already there.
//!
//! Everything here is a pure function of the text. This room knows neither
//! files nor databases, and no input makes it fail other than by a
//! [`SyntaxError`].
//!
//! ```
//! # use onward::sql::{split, Kind};
//! let text = "CREATE TABLE a (b text DEFAULT ';'); COMMIT; -- done;";
//! let statements = split(text, &mut |_token| {})?;
//! let kinds: Vec<Kind> = statements.iter().map(|statement| statement.kind).collect();
//! assert_eq!(kinds, [Kind::Plain, Kind::Commit]);
//! # Ok::<(), onward::sql::SyntaxError>(())
//! ```

pub mod hazard;
pub mod lexer;
pub mod name;
pub mod quote;
pub mod splitter;
pub mod statement;
pub mod target;

pub use hazard::{Hazard, hazard, schema_names};
pub use lexer::{Lexer, Token, TokenKind, Unterminated};
pub use splitter::{Flaw, Statement, SyntaxError, split};
pub use statement::{Kind, LoneCommand, Setting, Span, setting};
