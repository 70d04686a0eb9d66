//! A parsed text as keywords and values, in libpq's spelling.

use super::ConnInfo;

pub(super) fn render(info: &ConnInfo) -> Vec<(&'static str, String)> {
    let text = |value: &Option<String>| value.clone();
    let number = |value: Option<u32>| value.map(|number| number.to_string());
    let secret = |value: &Option<super::Password>| {
        let bytes = value.as_ref().map(super::Password::as_bytes);
        bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let fields = [
        ("host", list(&info.hosts)),
        ("hostaddr", list(&info.hostaddrs)),
        ("port", list(&info.ports)),
        ("user", text(&info.user)),
        ("password", secret(&info.password)),
        ("dbname", text(&info.dbname)),
        ("connect_timeout", number(info.connect_timeout)),
        ("application_name", text(&info.application_name)),
        ("options", text(&info.options)),
        ("search_path", text(&info.search_path)),
        ("sslmode", info.sslmode.map(|word| word.as_str().into())),
        ("sslrootcert", text(&info.sslrootcert)),
        ("sslcert", text(&info.sslcert)),
        ("sslkey", text(&info.sslkey)),
        ("sslpassword", secret(&info.sslpassword)),
        (
            "sslcertmode",
            info.sslcertmode.map(|word| word.as_str().into()),
        ),
        ("sslcrl", text(&info.sslcrl)),
        ("sslcrldir", text(&info.sslcrldir)),
        (
            "sslnegotiation",
            info.sslnegotiation.map(|word| word.as_str().into()),
        ),
        (
            "ssl_min_protocol_version",
            text(&info.ssl_min_protocol_version),
        ),
        (
            "ssl_max_protocol_version",
            text(&info.ssl_max_protocol_version),
        ),
        (
            "channel_binding",
            info.channel_binding.map(|word| word.as_str().into()),
        ),
        ("require_auth", text(&info.require_auth)),
        ("requirepeer", text(&info.requirepeer)),
        (
            "target_session_attrs",
            info.target_session_attrs.map(|word| word.as_str().into()),
        ),
        (
            "load_balance_hosts",
            info.load_balance_hosts.map(|word| word.as_str().into()),
        ),
        (
            "keepalives",
            info.keepalives.map(|on| u8::from(on).to_string()),
        ),
        ("keepalives_idle", number(info.keepalives_idle)),
        ("keepalives_interval", number(info.keepalives_interval)),
        ("keepalives_count", number(info.keepalives_count)),
        ("tcp_user_timeout", number(info.tcp_user_timeout)),
        ("service", text(&info.service)),
        ("servicefile", text(&info.servicefile)),
        ("passfile", text(&info.passfile)),
    ];
    let given = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)));
    given.collect()
}

fn list<T: ToString>(elements: &[Option<T>]) -> Option<String> {
    let texts = elements
        .iter()
        .map(|element| element.as_ref().map_or(String::new(), T::to_string));
    (!elements.is_empty()).then(|| texts.collect::<Vec<_>>().join(","))
}
