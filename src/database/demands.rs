//! What a connection string demands of the connection, beyond reaching a server: encryption, the way of authentication,
//! the kind of server. Pure.
//!
//! The words mean what they mean to libpq: <https://www.postgresql.org/docs/current/libpq-connect.html>.

use super::conninfo::{ChannelBinding, ConnInfo, SslCertMode, SslMode, SslNegotiation};
use crate::error::{Error, Result, Terms};

/// The mode of encryption that holds.
pub(super) fn ssl_mode(info: &ConnInfo) -> SslMode {
    info.sslmode.unwrap_or(if uses_system_roots(info) {
        SslMode::VerifyFull
    } else {
        SslMode::Prefer
    })
}

/// Whether certificates are checked against those of the operating system.
pub(super) fn uses_system_roots(info: &ConnInfo) -> bool {
    info.sslrootcert.as_deref() == Some("system")
}

/// Whether plain text will never do.
pub(super) fn needs_tls(mode: SslMode) -> bool {
    matches!(
        mode,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull
    )
}

/// Refuses demands about TLS that contradict each other.
pub(super) fn check_tls(info: &ConnInfo) -> Result<()> {
    let mode = ssl_mode(info);
    let weak = |because: &str, cure: &str| Error::Usage {
        message: format!("sslmode is too weak for {because}"),
        hint: format!("use {cure}"),
    };
    if uses_system_roots(info) && mode != SslMode::VerifyFull {
        return Err(weak("sslrootcert=system", "sslmode=verify-full"));
    }
    if info.sslnegotiation == Some(SslNegotiation::Direct) && !needs_tls(mode) {
        let cure = "sslmode=require, verify-ca or verify-full";
        return Err(weak("sslnegotiation=direct", cure));
    }
    Ok(())
}

/// Whether the connection string says more of TLS than that it may be used: then it cannot be silently left out.
pub(super) fn speaks_of_tls(info: &ConnInfo) -> bool {
    let named = [
        &info.sslrootcert,
        &info.sslcert,
        &info.sslkey,
        &info.sslcrl,
        &info.sslcrldir,
        &info.ssl_min_protocol_version,
        &info.ssl_max_protocol_version,
    ];
    needs_tls(ssl_mode(info))
        || info.channel_binding == Some(ChannelBinding::Require)
        || info.sslcertmode == Some(SslCertMode::Require)
        || named.into_iter().any(Option::is_some)
}

/// A way of authentication, as `require_auth` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    None,
    Password,
    Md5,
    Gss,
    Sspi,
    Scram,
    OAuth,
}

const METHODS: &[(&str, Method)] = &[
    ("none", Method::None),
    ("password", Method::Password),
    ("md5", Method::Md5),
    ("gss", Method::Gss),
    ("sspi", Method::Sspi),
    ("scram-sha-256", Method::Scram),
    ("oauth", Method::OAuth),
];

impl Method {
    fn name(self) -> &'static str {
        METHODS
            .iter()
            .find(|(_, method)| *method == self)
            .map_or("", |(name, _)| name)
    }
}

/// The ways of authentication that are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Methods(Vec<Method>);

impl Methods {
    /// Reads a list of ways that are allowed, or, each with a `!`, of ways that are not.
    fn parse(list: Option<&str>) -> Result<Methods> {
        let all = METHODS.iter().map(|(_, method)| *method);
        let Some(list) = list else {
            return Ok(Methods(all.collect()));
        };
        let forbids = list.starts_with('!');
        let mut named = Vec::new();
        for word in list.split(',') {
            let name = word.strip_prefix('!').unwrap_or(word);
            match METHODS.iter().find(|(known, _)| *known == name) {
                Some((_, method))
                    if word.starts_with('!') == forbids && !named.contains(method) =>
                {
                    named.push(*method);
                }
                _ => return Err(bad_methods()),
            }
        }
        if forbids {
            named = all.filter(|method| !named.contains(method)).collect();
        }
        Ok(Methods(named))
    }

    fn allows(&self, method: Method) -> bool {
        self.0.contains(&method)
    }
}

fn bad_methods() -> Error {
    let names: Vec<&str> = METHODS.iter().map(|(name, _)| *name).collect();
    Error::Usage {
        message: "bad value of require_auth".to_owned(),
        hint: format!(
            "require_auth is a list, such as scram-sha-256,none, of {}, each once; or each with a ! before it",
            names.join(", ")
        ),
    }
}

/// How the server may authenticate us, and itself.
#[derive(Debug, Clone)]
pub(super) struct Demands {
    methods: Methods,
    needs_binding: bool,
    needs_certificate: bool,
    has_password: bool,
}

impl Demands {
    /// What the connection string demands of every server.
    pub(super) fn of(info: &ConnInfo) -> Result<Demands> {
        Ok(Demands {
            methods: Methods::parse(info.require_auth.as_deref())?,
            needs_binding: info.channel_binding == Some(ChannelBinding::Require),
            needs_certificate: info.sslcertmode == Some(SslCertMode::Require),
            has_password: false,
        })
    }

    /// The same, where a password is known or is not.
    pub(super) fn with_password(self, has_password: bool) -> Demands {
        Demands {
            has_password,
            ..self
        }
    }
}

/// What a stream can do for the demands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Footing {
    pub(super) encrypted: bool,
    /// Authentication can be bound to the server's certificate.
    pub(super) bindable: bool,
    /// The server asked for a certificate, and got one.
    pub(super) certificate_sent: bool,
}

/// Watches the server's first messages until it lets us in.
///
/// It sees them before the crate `postgres` does, so that no password is sent to a server that asks in a way that is not
/// allowed: <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    demands: Demands,
    footing: Footing,
    /// Bytes of a message that has not come whole.
    rest: Vec<u8>,
    /// How the server authenticates us.
    asked: Option<Method>,
}

impl Doorkeeper {
    pub(super) fn new(demands: Demands, footing: Footing) -> Doorkeeper {
        Doorkeeper {
            demands,
            footing,
            rest: Vec::new(),
            asked: None,
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.footing.encrypted
    }

    /// Looks at what has come; true once the server has let us in.
    pub(super) fn watch(&mut self, bytes: &[u8]) -> std::result::Result<bool, Terms> {
        self.rest.extend_from_slice(bytes);
        while let [kind, a, b, c, d, ..] = self.rest[..] {
            let length = (u32::from_be_bytes([a, b, c, d]) as usize).max(4);
            if self.rest.len() <= length {
                break;
            }
            let message: Vec<u8> = self.rest.drain(..=length).collect();
            if kind == b'R' && self.check(&message[5..])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Checks one message about authentication; true if it says that all is well.
    fn check(&mut self, body: &[u8]) -> std::result::Result<bool, Terms> {
        let Some((code, details)) = body.split_first_chunk() else {
            return Ok(false);
        };
        let method = match u32::from_be_bytes(*code) {
            0 => return self.let_in().map(|()| true),
            3 => Method::Password,
            5 => Method::Md5,
            7 => Method::Gss,
            9 => Method::Sspi,
            10 if offers(details, "SCRAM-SHA-256") || offers(details, "SCRAM-SHA-256-PLUS") => {
                Method::Scram
            }
            10 if offers(details, "OAUTHBEARER") => Method::OAuth,
            // Later messages of an exchange that was allowed.
            8 | 11 | 12 if self.asked.is_some() => return Ok(false),
            _ => return Err(unable("a way of authentication that onward does not know")),
        };
        self.asked = Some(method);
        if !self.demands.methods.allows(method) {
            return Err(not_allowed(&format!("asks for {}", method.name())));
        }
        if matches!(method, Method::Gss | Method::Sspi | Method::OAuth) {
            return Err(unable(&format!("{} authentication", method.name())));
        }
        self.check_binding(method, details)?;
        if self.demands.has_password {
            return Ok(false);
        }
        Err(Terms::new(
            format!(
                "the server asks for a password ({}), and none was given",
                method.name()
            ),
            "give one: PGPASSWORD, ~/.pgpass, or postgres://user:PASSWORD@host/database",
        ))
    }

    fn check_binding(&self, method: Method, details: &[u8]) -> std::result::Result<(), Terms> {
        let Footing {
            encrypted,
            bindable,
            ..
        } = self.footing;
        let message = match method {
            _ if !self.demands.needs_binding => return Ok(()),
            _ if !encrypted => "the connection is not encrypted".to_owned(),
            Method::Scram if offers(details, "SCRAM-SHA-256-PLUS") && bindable => return Ok(()),
            Method::Scram if bindable => "the server does not offer it".to_owned(),
            Method::Scram => {
                let message =
                    "channel_binding=require, but the server's certificate cannot be bound to";
                return Err(Terms::new(
                    message,
                    "reissue it as X.509 version 3 with an RSA or ECDSA key, signed with SHA-256",
                ));
            }
            other => format!("the server asks for {}", other.name()),
        };
        Err(Terms::new(
            format!("channel_binding=require, but {message}"),
            "let pg_hba.conf ask for scram-sha-256 on hostssl lines, or set channel_binding=prefer",
        ))
    }

    /// The server says that all is well. The crate has seen to it that an exchange which was begun is complete.
    fn let_in(&self) -> std::result::Result<(), Terms> {
        if self.asked.is_none() && !self.demands.methods.allows(Method::None) {
            return Err(not_allowed("lets us in without authentication"));
        }
        if self.demands.needs_binding && self.asked != Some(Method::Scram) {
            return Err(Terms::new(
                "channel_binding=require, but the server lets us in without authentication",
                "let pg_hba.conf ask for scram-sha-256 on hostssl lines, or set channel_binding=prefer",
            ));
        }
        if self.demands.needs_certificate && !self.footing.certificate_sent {
            return Err(Terms::new(
                "sslcertmode=require, but the server did not ask for a client certificate",
                "set ssl_ca_file on the server, or sslcertmode=allow",
            ));
        }
        Ok(())
    }
}

/// Whether a list of names, each with a zero byte behind it, holds this one.
fn offers(list: &[u8], name: &str) -> bool {
    list.split(|byte| *byte == 0)
        .any(|offered| offered == name.as_bytes())
}

fn not_allowed(what: &str) -> Terms {
    Terms::new(
        format!("the server {what}, which require_auth does not allow"),
        "check pg_hba.conf of the server, or require_auth",
    )
}

fn unable(what: &str) -> Terms {
    Terms::new(
        format!("the server asks for {what}, which onward does not do"),
        "let pg_hba.conf of the server ask for scram-sha-256 or cert",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(list: &str) -> String {
        match Methods::parse(Some(list)) {
            Ok(Methods(methods)) => {
                let names: Vec<&str> = methods.into_iter().map(Method::name).collect();
                names.join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn ways_of_authentication_are_allowed_or_forbidden() {
        for (list, expected) in [
            ("scram-sha-256", "scram-sha-256"),
            ("scram-sha-256,none", "scram-sha-256 none"),
            ("!password,!md5", "none gss sspi scram-sha-256 oauth"),
            ("!none", "password md5 gss sspi scram-sha-256 oauth"),
            ("md5,!none", "bad value of require_auth"),
            ("!md5,none", "bad value of require_auth"),
            ("md5,md5", "bad value of require_auth"),
            ("", "bad value of require_auth"),
            ("md5,", "bad value of require_auth"),
            ("SCRAM", "bad value of require_auth"),
        ] {
            assert_eq!(methods(list), expected, "{list:?}");
        }
    }

    fn message(code: u32, details: &str) -> Vec<u8> {
        let length = u32::try_from(8 + details.len()).unwrap();
        [
            b"R".as_slice(),
            &length.to_be_bytes(),
            &code.to_be_bytes(),
            details.as_bytes(),
        ]
        .concat()
    }

    fn check(settings: &str, footing: Footing, messages: &[Vec<u8>], expected: &str) {
        let info = super::super::conninfo::parse(settings).unwrap();
        let bytes = messages.concat();
        for size in 1..=bytes.len() {
            let demands = Demands::of(&info).unwrap();
            let demands = demands.with_password(info.password.is_some());
            let mut doorkeeper = Doorkeeper::new(demands, footing);
            let outcome = bytes
                .chunks(size)
                .map(|piece| doorkeeper.watch(piece))
                .find(|outcome| !matches!(outcome, Ok(false)));
            let told = match outcome {
                Some(Ok(_)) => "in".to_owned(),
                Some(Err(terms)) => terms.message,
                None => "waiting".to_owned(),
            };
            assert_eq!(told, expected, "{settings} in pieces of {size}");
        }
    }

    #[test]
    fn nobody_gets_a_password_who_may_not_ask_for_it() {
        let plain = Footing::default();
        let notice = b"N\0\0\0\x05\0".to_vec();
        let scram = message(10, "SCRAM-SHA-256\0\0");
        let welcome = message(0, "");
        check("user=a", plain, &[notice.clone(), welcome.clone()], "in");
        check("user=a", plain, &[notice], "waiting");
        check(
            "password=x require_auth=scram-sha-256",
            plain,
            &[message(3, "")],
            "the server asks for password, which require_auth does not allow",
        );
        check(
            "password=x require_auth=!md5,!none",
            plain,
            &[message(5, "salt")],
            "the server asks for md5, which require_auth does not allow",
        );
        check(
            "password=x require_auth=scram-sha-256",
            plain,
            std::slice::from_ref(&welcome),
            "the server lets us in without authentication, which require_auth does not allow",
        );
        check(
            "password=x require_auth=scram-sha-256",
            plain,
            &[
                scram.clone(),
                message(11, "r=…"),
                message(12, "v=…"),
                welcome.clone(),
            ],
            "in",
        );
        check(
            "user=a",
            plain,
            std::slice::from_ref(&scram),
            "the server asks for a password (scram-sha-256), and none was given",
        );
        check(
            "user=a",
            plain,
            &[message(7, "")],
            "the server asks for gss authentication, which onward does not do",
        );
    }

    #[test]
    fn binding_is_demanded_of_everybody() {
        let tls = Footing {
            encrypted: true,
            bindable: true,
            certificate_sent: false,
        };
        let settings = "password=x channel_binding=require";
        let plus = message(10, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
        let welcome = message(0, "");
        check(settings, tls, &[plus.clone(), welcome.clone()], "in");
        check(
            settings,
            tls,
            &[message(10, "SCRAM-SHA-256\0\0")],
            "channel_binding=require, but the server does not offer it",
        );
        check(
            settings,
            tls,
            &[message(5, "salt")],
            "channel_binding=require, but the server asks for md5",
        );
        check(
            settings,
            tls,
            std::slice::from_ref(&welcome),
            "channel_binding=require, but the server lets us in without authentication",
        );
        check(
            settings,
            Footing::default(),
            std::slice::from_ref(&plus),
            "channel_binding=require, but the connection is not encrypted",
        );
        let old = Footing {
            bindable: false,
            ..tls
        };
        check(
            settings,
            old,
            &[plus],
            "channel_binding=require, but the server's certificate cannot be bound to",
        );
    }
}
