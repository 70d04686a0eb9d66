//! Each row is a text and what is read from it, or the error and its hint's gist.

use super::{ConnInfo, ConnInfoError, HostSpec, Password, SslMode, Value, parse};

/// Compares what is read, as `key=value` with blanks between, or `error: …`.
fn check(input: &str, expected: &str) {
    let actual = match parse(input) {
        Ok(info) => {
            let shown = |value| match value {
                Value::Text(text) => text,
                Value::Secret(password) => {
                    String::from_utf8_lossy(password.as_bytes()).into_owned()
                }
            };
            let pairs: Vec<String> = info
                .values()
                .into_iter()
                .map(|(key, value)| format!("{key}={}", shown(value)))
                .collect();
            pairs.join(" ")
        }
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(actual, expected, "of {input:?}");
}

fn check_all(rows: &[(&str, &str)]) {
    for (input, expected) in rows {
        check(input, expected);
    }
}

#[test]
fn a_url_has_its_parts() {
    check_all(&[
        ("postgres://", ""),
        ("postgresql://", ""),
        ("postgres:///", ""),
        ("postgres://h", "host=h"),
        ("postgres://h/", "host=h"),
        ("postgres:///db", "dbname=db"),
        ("postgres://h/db", "host=h dbname=db"),
        ("postgres://h:6543/db", "host=h port=6543 dbname=db"),
        ("postgres://:6543/db", "port=6543 dbname=db"),
        ("postgres://h:/db", "host=h dbname=db"),
        ("postgres://u@h/db", "host=h user=u dbname=db"),
        (
            "postgres://u:p@h:1/db",
            "host=h port=1 user=u password=p dbname=db",
        ),
        ("postgres://u:p@/db", "user=u password=p dbname=db"),
        ("postgres://u:@h", "host=h user=u"),
        ("postgres://:p@h", "host=h password=p"),
        ("postgres://@h", "host=h"),
        ("postgres://:@h", "host=h"),
        ("postgres://@", ""),
        ("postgres://u:p:q@h", "host=h user=u password=p:q"),
        ("postgres://h/a/b/c", "host=h dbname=a/b/c"),
        ("postgres://h/db@x", "host=h dbname=db@x"),
        ("postgres://h?user=u", "host=h user=u"),
        ("postgres://h/?user=u", "host=h user=u"),
        ("postgres://h/db?", "host=h dbname=db"),
        ("postgres://?host=/tmp", "host=/tmp"),
        ("postgres://h/my db", "host=h dbname=my db"),
    ]);
}

#[test]
fn percent_codes_are_read_in_every_part() {
    check_all(&[
        ("postgres://%75ser@h", "host=h user=user"),
        (
            "postgres://u:%40%23%2f%3F%25%3a@h",
            "host=h user=u password=@#/?%:",
        ),
        ("postgres://u%40x:p@h", "host=h user=u@x password=p"),
        ("postgres://%2Ftmp/db", "host=/tmp dbname=db"),
        (
            "postgres://u@%2Fvar%2Frun%2Fpostgresql:5433/db",
            "host=/var/run/postgresql port=5433 user=u dbname=db",
        ),
        ("postgres://%40abstract/db", "host=@abstract dbname=db"),
        ("postgres://h:%35432", "host=h port=5432"),
        ("postgres://h/a%2Fb%20c%C3%A9", "host=h dbname=a/b cé"),
        ("postgres://h/?us%65r=%61", "host=h user=a"),
        ("postgres://a%2Cb:1%2C2/", "host=a,b port=1,2"),
        (
            "postgres://u:a+b@h/c+d",
            "host=h user=u password=a+b dbname=c+d",
        ),
        ("postgres://[fe80::1%25eth0]/", "host=fe80::1%eth0"),
    ]);
}

#[test]
fn a_bad_percent_code_names_its_part() {
    check_all(&[
        (
            "postgres://u:100%@h",
            "error: bad percent code in the password",
        ),
        (
            "postgres://u:p%4@h",
            "error: bad percent code in the password",
        ),
        (
            "postgres://u:p%zz@h",
            "error: bad percent code in the password",
        ),
        (
            "postgres://u:p%+1@h",
            "error: bad percent code in the password",
        ),
        (
            "postgres://u:p%%41@h",
            "error: bad percent code in the password",
        ),
        (
            "postgres://u:p%00@h",
            "error: bad percent code in the password",
        ),
        (
            "postgres://u%@h",
            "error: bad percent code in the user name",
        ),
        ("postgres://h%/db", "error: bad percent code in the host"),
        ("postgres://h:%5/db", "error: bad percent code in the port"),
        (
            "postgres://h/%g0",
            "error: bad percent code in the database name",
        ),
        (
            "postgres://h/?us%er=x",
            "error: bad percent code in the name of a parameter",
        ),
        (
            "postgres://h/?sslcert=%",
            "error: bad percent code in the value of sslcert",
        ),
        (
            "postgres://h/?password=%",
            "error: bad percent code in the password",
        ),
        ("postgres://h/%FF", "error: the database name is not UTF-8"),
        ("postgres://%ff@h", "error: the user name is not UTF-8"),
        (
            "postgres://h/?options=%ff",
            "error: the value of options is not UTF-8",
        ),
    ]);
}

#[test]
fn several_hosts_and_ports() {
    check_all(&[
        ("postgres://a,b/db", "host=a,b port=, dbname=db"),
        ("postgres://a:1,b:2/db", "host=a,b port=1,2 dbname=db"),
        ("postgres://a,b:5433/db", "host=a,b port=,5433 dbname=db"),
        ("postgres://a,b:1,:3/db", "host=a,b, port=,1,3 dbname=db"),
        (
            "postgres://u:p@a:1,b:2?sslmode=require",
            "host=a,b port=1,2 user=u password=p sslmode=require",
        ),
        ("postgres://,", "host=, port=,"),
        ("host=a,b port=5433", "host=a,b port=5433"),
        ("host=a,b port=1,2", "host=a,b port=1,2"),
        ("host=a,b port=,2", "host=a,b port=,2"),
        ("port=1,2", "port=1,2"),
        ("hostaddr=127.0.0.1,::1", "hostaddr=127.0.0.1,::1"),
        (
            "host=a,b hostaddr=127.0.0.1,",
            "host=a,b hostaddr=127.0.0.1,",
        ),
        (
            "host=a hostaddr=10.0.0.1 port=6543",
            "host=a hostaddr=10.0.0.1 port=6543",
        ),
        (
            "host=a,b hostaddr=127.0.0.1",
            "error: hostaddr lists 1, but host lists 2",
        ),
        (
            "host=a,b port=1,2,3",
            "error: port lists 3, but host lists 2",
        ),
        ("host=a port=1,2", "error: port lists 2, but host lists 1"),
        ("host=a hostaddr=localhost", "error: bad value of hostaddr"),
    ]);
}

#[test]
fn an_ipv6_address_stands_in_brackets() {
    check_all(&[
        ("postgres://[::1]", "host=::1"),
        ("postgres://[::1]:6543/db", "host=::1 port=6543 dbname=db"),
        (
            "postgres://u:p@[2001:db8::1]/db",
            "host=2001:db8::1 user=u password=p dbname=db",
        ),
        (
            "postgres://[::1],[::2]:1?user=u",
            "host=::1,::2 port=,1 user=u",
        ),
        ("postgres://[::1]/db@x", "host=::1 dbname=db@x"),
        ("postgres://[::1/db", "error: bad brackets around the host"),
        ("postgres://[]/db", "error: bad brackets around the host"),
        (
            "postgres://[::1]x/db",
            "error: bad brackets around the host",
        ),
        ("postgres://::1/db", "error: bad port"),
    ]);
}

#[test]
fn parameters_override_the_parts() {
    check_all(&[
        (
            "postgres:///db?host=/var/run&port=5433",
            "host=/var/run port=5433 dbname=db",
        ),
        ("postgres://h/db?host=k", "host=k dbname=db"),
        (
            "postgres://u:p@h/db?user=v&password=q",
            "host=h user=v password=q dbname=db",
        ),
        ("postgres://h/db?dbname=other", "host=h dbname=other"),
        ("postgres://h/db?host=a&host=b", "host=b dbname=db"),
        ("postgres://h/db?user=", "host=h dbname=db"),
        ("postgres://u@h/db?user=", "host=h dbname=db"),
        (
            "postgres://h/db?sslmode=prefer&",
            "host=h dbname=db sslmode=prefer",
        ),
        (
            "postgres://h:5432/db?user=me@azure",
            "host=h port=5432 user=me@azure dbname=db",
        ),
        (
            "postgres://u:p@h/db?application_name=a@b",
            "host=h user=u password=p dbname=db application_name=a@b",
        ),
        (
            "postgres://h/db?&user=u&&sslmode=allow",
            "host=h user=u dbname=db sslmode=allow",
        ),
        (
            "postgres://h/db?options=endpoint=ep-1",
            "host=h dbname=db options=endpoint=ep-1",
        ),
        (
            "postgres://h/db?options=-c%20a%3Db",
            "host=h dbname=db options=-c a=b",
        ),
        ("postgres://h:/db?user=a@b", "host=h user=a@b dbname=db"),
        ("postgres://h/db?sslmode", "error: a parameter has no ="),
        ("postgres://h/db?USER=x", "error: unknown parameter USER"),
        ("postgres://h/db?=x", "error: a parameter is unknown"),
        (
            "postgres://h/db?colour=red",
            "error: unknown parameter colour",
        ),
        (
            "postgres://h/db?statement_timeout=5s",
            "error: unknown parameter statement_timeout",
        ),
        (
            "postgres://h/db?se%20cret=x",
            "error: a parameter is unknown",
        ),
        (
            "postgres://h/db?password=se&cret=x",
            "error: a parameter is unknown",
        ),
        (
            "postgres://h/db?abcdefghijklmnopqrstuvwxyzabcdefghijklmno=x",
            "error: a parameter is unknown",
        ),
    ]);
}

#[test]
fn pairs_have_quotes_blanks_and_backslashes() {
    check_all(&[
        ("", ""),
        ("  ", ""),
        ("host=h", "host=h"),
        ("host = h  user\t=\nu", "host=h user=u"),
        (
            "host=h user=u password=p dbname=db port=5433",
            "host=h port=5433 user=u password=p dbname=db",
        ),
        ("password='a b' user=u", "user=u password=a b"),
        ("password='it\\'s' user=u", "user=u password=it's"),
        ("password='a\\\\b'", "password=a\\b"),
        ("password=a\\ b", "password=a b"),
        ("password=a\\", "password=a"),
        ("password=a\\ ", "password=a "),
        ("password=a'b'c", "password=a'b'c"),
        ("user='a'dbname=b", "user=a dbname=b"),
        ("user=''", ""),
        ("host=", ""),
        ("host= user=x", "host=user=x"),
        ("user=x user=y", "user=y"),
        ("user=x user=", ""),
        ("dbname=a%20b", "dbname=a%20b"),
        ("options='-c search_path=a,b'", "options=-c search_path=a,b"),
        ("application_name=http://x", "application_name=http://x"),
        ("user=a\u{b}dbname=b", "user=a dbname=b"),
        ("user=é dbname='ü b'", "user=é dbname=ü b"),
        ("password=a=b@c/d?e#f", "password=a=b@c/d?e#f"),
        ("host", "error: neither a postgres:// URL nor key=value"),
        ("host=a user", "error: a parameter has no ="),
        ("password=my secret user=u", "error: a parameter has no ="),
        ("password=my secret=u", "error: a parameter is unknown"),
        (
            "password='my secret",
            "error: a quote in the connection string is not closed",
        ),
        (
            "password='a\\'",
            "error: a quote in the connection string is not closed",
        ),
        ("password='it''s'", "error: a parameter has no ="),
        ("=x", "error: a parameter is unknown"),
        ("colour=red", "error: unknown parameter colour"),
        ("dbname=postgres://u:p@h/db", "error: bad value of dbname"),
    ]);
}

#[test]
fn blanks_and_quotes_around_the_text_are_dropped() {
    check_all(&[
        (" postgres://h/db\n", "host=h dbname=db"),
        ("\"postgres://h/db\"", "host=h dbname=db"),
        ("'postgres://h/db'", "host=h dbname=db"),
        (" ' postgres://h/db ' ", "host=h dbname=db"),
        ("\"host=h dbname='a b'\"", "host=h dbname=a b"),
        ("'host=h'", "host=h"),
        ("host='h'", "host=h"),
        ("'", "error: neither a postgres:// URL nor key=value"),
        (
            "\"postgres://h/db",
            "error: neither a postgres:// URL nor key=value",
        ),
    ]);
}

#[test]
fn schemes() {
    check_all(&[
        ("pgsql://h", "host=h"),
        ("postgresql+psycopg2://h", "host=h"),
        (
            "postgresql+asyncpg://h?ssl=require",
            "host=h sslmode=require",
        ),
        ("postgres+driver://h", "host=h"),
        ("POSTGRES://h", "host=h"),
        (
            "mysql://u:p@h/db",
            "error: not a PostgreSQL URL: it begins with mysql://",
        ),
        (
            "https://h/db",
            "error: not a PostgreSQL URL: it begins with https://",
        ),
        (
            "jdbc:postgresql://h/db",
            "error: not a PostgreSQL URL: it begins with jdbc:postgresql://",
        ),
        (
            "postgres:/h/db",
            "error: neither a postgres:// URL nor key=value",
        ),
        ("u:p@h/db", "error: neither a postgres:// URL nor key=value"),
        (
            "u:p@h/db?sslmode=require",
            "error: neither a postgres:// URL nor key=value",
        ),
        ("://h", "error: neither a postgres:// URL nor key=value"),
        ("p@ss://h", "error: neither a postgres:// URL nor key=value"),
        ("mydb", "error: neither a postgres:// URL nor key=value"),
        ("host=a\0b", "error: a NUL byte in the connection string"),
    ]);
}

#[test]
fn stray_marks_in_a_password() {
    check_all(&[
        // libpq reads these as they were meant.
        (
            "postgres://u:p#x@h/db",
            "host=h user=u password=p#x dbname=db",
        ),
        (
            "postgres://u:p?x@h/db",
            "host=h user=u password=p?x dbname=db",
        ),
        (
            "postgres://u:p&x=y@h/db",
            "host=h user=u password=p&x=y dbname=db",
        ),
        ("postgres://h/db#x", "host=h dbname=db#x"),
        // These it does not.
        (
            "postgres://u:p@ss@h/db",
            "error: an unescaped @ in the user name or password",
        ),
        (
            "postgres://u@tenant:p@h/db",
            "error: an unescaped @ in the user name or password",
        ),
        (
            "postgres://u:p@s/s@h/db",
            "error: an unescaped @ in the user name or password",
        ),
        (
            "postgres://u:p@s?s@h/db",
            "error: an unescaped @ in the user name or password",
        ),
        (
            "postgres://u:p@@h/db",
            "error: an unescaped @ in the user name or password",
        ),
        (
            "postgres://u:p/x@h/db",
            "error: an unescaped / in the password",
        ),
        (
            "postgres://u:123/x@h/db",
            "error: an unescaped / in the password",
        ),
        (
            "postgres://u:p/x=y@h/db",
            "error: an unescaped / in the password",
        ),
        (
            "postgres://u:p#x/y@h/db",
            "error: an unescaped / in the password",
        ),
        (
            "postgres://u:1?x/y@h/db",
            "error: an unescaped / in the password",
        ),
        (
            "postgres://u:p,w/x@h/db",
            "error: an unescaped / in the password",
        ),
        (
            "postgres://?user=u&password=p@h",
            "error: an unescaped ? in the user name",
        ),
        (
            "postgres://h?user=a@b",
            "error: an unescaped ? in the user name",
        ),
        ("postgres://u:p@h#x/db", "error: an unescaped # in the host"),
        ("postgres://h:5432#x", "error: an unescaped # in the port"),
        (
            "postgres://h/db?sslmode=require#x",
            "error: an unescaped # in the value of sslmode",
        ),
    ]);
}

#[test]
fn ports() {
    check_all(&[
        ("port=1", "port=1"),
        ("port=65535", "port=65535"),
        ("port=' 5432 '", "port=5432"),
        ("port=+5432", "port=5432"),
        ("port=05432", "port=5432"),
        ("port=0", "error: bad port"),
        ("port=65536", "error: bad port"),
        ("port=-1", "error: bad port"),
        ("port=99999999999999999999", "error: bad port"),
        ("port=5432x", "error: bad port"),
        ("port=0x10", "error: bad port"),
        ("port=' '", "error: bad port"),
        ("postgres://h:abc/db", "error: bad port"),
        ("postgres://h:5432:1/db", "error: bad port"),
        ("postgres://u:secret", "error: bad port"),
        ("postgres://h/?port=1,x", "error: bad port"),
    ]);
}

#[test]
fn typed_values() {
    check_all(&[
        ("sslmode=disable", "sslmode=disable"),
        (
            "sslmode=verify-ca sslrootcert=system",
            "sslmode=verify-ca sslrootcert=system",
        ),
        (
            "sslmode=verify-full sslrootcert=/ca.pem sslcert=c sslkey=k",
            "sslmode=verify-full sslrootcert=/ca.pem sslcert=c sslkey=k",
        ),
        ("sslmode=no-verify", "sslmode=require"),
        ("sslmode=", "error: bad value of sslmode"),
        ("sslmode=Require", "error: bad value of sslmode"),
        ("sslmode=maybe", "error: bad value of sslmode"),
        ("postgres://h?ssl=true", "host=h sslmode=require"),
        ("postgres://h?ssl=false", "host=h sslmode=disable"),
        ("postgres://h?ssl=verify-full", "host=h sslmode=verify-full"),
        (
            "postgres://h?sslmode=verify-full&ssl=true",
            "host=h sslmode=require",
        ),
        ("postgres://h?ssl=maybe", "error: bad value of ssl"),
        ("sslnegotiation=direct", "sslnegotiation=direct"),
        ("channel_binding=require", "channel_binding=require"),
        ("channel_binding=x", "error: bad value of channel_binding"),
        (
            "target_session_attrs=read-write",
            "target_session_attrs=read-write",
        ),
        (
            "target_session_attrs=prefer-standby",
            "target_session_attrs=prefer-standby",
        ),
        (
            "target_session_attrs=master",
            "error: bad value of target_session_attrs",
        ),
        ("load_balance_hosts=random", "load_balance_hosts=random"),
        ("connect_timeout=10", "connect_timeout=10"),
        ("connect_timeout=-1", "connect_timeout=0"),
        ("connect_timeout=10s", "error: bad value of connect_timeout"),
        (
            "connect_timeout=2147483648",
            "error: bad value of connect_timeout",
        ),
        ("connect_timeout=", "error: bad value of connect_timeout"),
        (
            "keepalives=0 keepalives_idle=30 keepalives_interval=5 keepalives_count=3",
            "keepalives=0 keepalives_idle=30 keepalives_interval=5 keepalives_count=3",
        ),
        (
            "keepalives=2 tcp_user_timeout=1000",
            "keepalives=1 tcp_user_timeout=1000",
        ),
        ("keepalives=yes", "error: bad value of keepalives"),
        (
            "ssl_min_protocol_version=TLSv1.3",
            "ssl_min_protocol_version=TLSv1.3",
        ),
        (
            "ssl_max_protocol_version=tlsv1.2",
            "ssl_max_protocol_version=tlsv1.2",
        ),
        (
            "ssl_min_protocol_version=SSLv3",
            "error: bad value of ssl_min_protocol_version",
        ),
        (
            "gssencmode=prefer krbsrvname=x sslcompression=0 sslsni=1",
            "sslsni=1",
        ),
        ("gssencmode=require", "error: bad value of gssencmode"),
        ("replication=database", "error: bad value of replication"),
        (
            "fallback_application_name=x client_encoding=LATIN1 requirepeer=root",
            "requirepeer=root",
        ),
        (
            "service=s passfile=/p application_name='a b'",
            "application_name=a b service=s passfile=/p",
        ),
        (
            "sslpassword=x sslcrl=a sslcrldir=b",
            "sslpassword=x sslcrl=a sslcrldir=b",
        ),
    ]);
}

#[test]
fn what_other_stacks_add() {
    check_all(&[
        ("postgres://h?schema=App", "host=h search_path=\"App\""),
        ("postgres://h?schema=a\"b", "host=h search_path=\"a\"\"b\""),
        ("postgres://h?currentSchema=a,b", "host=h search_path=a,b"),
        ("postgres://h?search_path=a,b", "host=h search_path=a,b"),
        (
            "postgres://h?pgbouncer=true&connection_limit=1&pool_timeout=0&socket_timeout=3",
            "host=h",
        ),
        (
            "postgres://h?statement_cache_size=0&max_pool_size=3&supa=base-pooler.x",
            "host=h",
        ),
        (
            "postgres://h?sslmode=require&sslaccept=strict",
            "host=h sslmode=verify-full sslrootcert=system",
        ),
        ("postgres://h?sslaccept=accept_invalid_certs", "host=h"),
        ("postgres://h?sslaccept=x", "error: bad value of sslaccept"),
        (
            "postgres://h?ssl-mode=require&ssl-ca=/ca",
            "host=h sslmode=require sslrootcert=/ca",
        ),
        (
            "postgres://u:p@ep-1.neon.tech/db?sslmode=require&channel_binding=require",
            "host=ep-1.neon.tech user=u password=p dbname=db sslmode=require channel_binding=require",
        ),
        (
            "postgres://u:p@/db?host=/cloudsql/p:r:i",
            "host=/cloudsql/p:r:i user=u password=p dbname=db",
        ),
    ]);
}

#[test]
fn hosts_addresses_and_ports_pair_up() {
    let info = parse("host=a,b,/tmp hostaddr=,::1, port=5433").unwrap();
    let spec = |host, hostaddr: Option<&str>| HostSpec {
        host: Some(host),
        hostaddr: hostaddr.map(|text| text.parse().unwrap()),
        port: 5433,
    };
    let expected = [spec("a", None), spec("b", Some("::1")), spec("/tmp", None)];
    assert_eq!(info.addresses(), expected);
    assert_eq!(
        info.addresses()
            .iter()
            .map(HostSpec::is_socket)
            .collect::<Vec<_>>(),
        [false, false, true]
    );
    assert!(parse("").unwrap().addresses()[0].is_socket());
}

#[test]
fn ports_wait_for_hosts_from_elsewhere() {
    let mut info = parse("port=1,2").unwrap();
    info.set("host", "a,b,c").unwrap();
    let error = info.match_counts().unwrap_err();
    assert_eq!(error.to_string(), "port lists 2, but host lists 3");
}

#[test]
fn a_refused_value_changes_nothing() {
    let mut info = parse("host=h port=1 sslmode=require connect_timeout=3 dbname=d").unwrap();
    let before = info.clone();
    for (key, value) in [
        ("port", "x"),
        ("sslmode", "x"),
        ("connect_timeout", "x"),
        ("dbname", "a://b"),
    ] {
        info.set(key, value).unwrap_err();
    }
    assert_eq!(info, before);
}

#[test]
fn a_description_is_for_messages() {
    for (input, expected) in [
        (
            "postgres://app:p@db.example.com/app",
            "app@db.example.com:5432/app",
        ),
        (
            "host=/var/run/postgresql user=app dbname=app",
            "app@/var/run/postgresql:5432/app",
        ),
        ("postgres://a:1,b:2/db", "a:1,b:2/db"),
        ("postgres://u@[::1]/db", "u@[::1]:5432/db"),
        ("hostaddr=::1 port=1", "[::1]:1"),
        ("hostaddr=127.0.0.1", "127.0.0.1:5432"),
        ("", "[local]:5432"),
        ("user=u host=/a:b", "u@/a:b:5432"),
        ("postgres://h/a%1b%5B2J%0A", "h:5432/a\\u{1b}[2J\\n"),
    ] {
        assert_eq!(parse(input).unwrap().describe(), expected, "of {input:?}");
    }
}

#[test]
fn every_error_has_a_short_sentence_and_most_a_hint() {
    for (input, expected) in [
        (
            "postgres://u:a@b@h",
            Some("only the @ before the host stands for itself: any other is written %40"),
        ),
        ("postgres://h#x", Some("a # is written %23")),
        ("jdbc:postgresql://h", Some("leave out jdbc:")),
        (
            "sslmode=x",
            Some("sslmode is one of disable, allow, prefer, require, verify-ca, verify-full"),
        ),
        ("keepalives=x", Some("keepalives is a whole number")),
        ("\0", None),
    ] {
        assert_eq!(
            parse(input).unwrap_err().hint().as_deref(),
            expected,
            "of {input:?}"
        );
    }
}

/// Everything a message could take from a result.
fn all_shown(result: &Result<ConnInfo, ConnInfoError>) -> String {
    match result {
        Ok(info) => format!("{info:?} {info:#?} {}", info.describe()),
        Err(error) => format!("{error} {error:?} {error:#?} {:?}", error.hint()),
    }
}

#[test]
fn no_piece_of_a_password_is_ever_shown() {
    const CANARY: &str = "kan arie#nv@ogel%zing'geheim\"🐤vleugel/snavel?veer=poot&staart";
    const PIECES: [&str; 12] = [
        "kan", "arie", "nv", "ogel", "zing", "geheim", "🐤", "vleugel", "snavel", "veer", "poot",
        "staart",
    ];
    let encoded: Vec<_> = CANARY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let encoded = encoded.concat();
    let quoted = format!("'{}'", CANARY.replace('\'', "\\'"));
    let right = [
        format!("postgres://u:{encoded}@h/db"),
        format!("postgres://h/db?password={encoded}"),
        format!("user=u password={quoted}"),
        format!("user=u sslpassword={quoted} password={quoted}"),
    ];
    for text in right {
        let info = parse(&text).unwrap();
        assert_eq!(
            info.password.as_ref().map(Password::as_bytes),
            Some(CANARY.as_bytes())
        );
        assert!(format!("{info:?}").contains("Password(***)"));
        assert_hidden(&text, &PIECES);
    }
    // Every piece of it, left as it is, in every place of a password.
    let starts = CANARY.char_indices().map(|(at, _)| at);
    for (start, length) in starts.flat_map(|at| (1..=CANARY.len()).map(move |length| (at, length)))
    {
        let Some(piece) = CANARY.get(start..start + length) else {
            continue;
        };
        for text in [
            format!("postgres://user:{piece}@h:5432/db?sslmode=require"),
            format!("postgres://user:{piece}@[::1]"),
            format!("postgres://user@h/db?password={piece}"),
            format!("postgres:///db?password={piece}&user=u"),
            format!("user=u password={piece} dbname=db"),
            format!("password='{piece}' dbname=db"),
            format!("user:{piece}@h/db"),
            format!("mysql://user:{piece}@h/db"),
            format!("'postgres://user:{piece}@h/db"),
        ] {
            assert_hidden(&text, &PIECES);
        }
    }
}

fn assert_hidden(text: &str, pieces: &[&str]) {
    let shown = all_shown(&parse(text));
    for piece in pieces {
        assert!(!shown.contains(piece), "{piece:?} of {text:?} in {shown}");
    }
}

#[test]
fn a_mode_is_spelt_as_in_libpq() {
    for word in SslMode::WORDS {
        assert_eq!(SslMode::from_word(word).unwrap().as_str(), *word);
    }
}

/// The variables that are set for another program, `NAME=value` with blanks between.
fn variables(info: &ConnInfo) -> String {
    let set = info.to_variables().into_iter();
    let set = set.filter_map(|(name, value)| Some(format!("{name}={}", value?.to_str().unwrap())));
    set.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_connection_becomes_variables() {
    for (input, expected) in [
        (
            "postgres://u:p%20q@a:1,b:2/d",
            "PGHOST=a,b PGPORT=1,2 PGDATABASE=d PGUSER=u PGPASSWORD=p q",
        ),
        (
            "options='-c x=1' currentSchema='a, b'",
            r"PGOPTIONS=-c search_path=a,\ b -c x=1",
        ),
        ("search_path=a", "PGOPTIONS=-c search_path=a"),
        (
            "hostaddr=::1 sslmode=verify-full sslrootcert=/ca connect_timeout=3",
            "PGHOSTADDR=::1 PGCONNECT_TIMEOUT=3 PGSSLMODE=verify-full PGSSLROOTCERT=/ca",
        ),
        (
            "passfile=/p application_name=x",
            "PGPASSFILE=/p PGAPPNAME=x",
        ),
    ] {
        assert_eq!(variables(&parse(input).unwrap()), expected, "of {input:?}");
    }
}

#[test]
fn passwords_of_a_file_become_a_variable_if_they_are_one() {
    let secret = |text: &str| Some(Password::new(text));
    for (passwords, expected) in [
        (vec![secret("p"), secret("p")], "PGHOST=a,b PGPASSWORD=p"),
        (vec![secret("p"), secret("q")], "PGHOST=a,b"),
        (vec![secret("p"), None], "PGHOST=a,b"),
        (vec![None, None], "PGHOST=a,b"),
    ] {
        let mut info = parse("host=a,b").unwrap();
        info.host_passwords = passwords;
        assert_eq!(variables(&info), expected);
    }
}

#[test]
fn what_is_open_is_taken_from_the_environment_of_another_program() {
    let variables = parse("service=s").unwrap().to_variables();
    assert!(variables.iter().all(|(_, value)| value.is_none()));
    let names: Vec<_> = variables.iter().map(|(name, _)| *name).collect();
    for name in [
        "PGHOST",
        "PGPASSWORD",
        "PGOPTIONS",
        "PGSERVICE",
        "PGSERVICEFILE",
        "PGREQUIRESSL",
    ] {
        assert!(names.contains(&name), "{name} is missing");
    }
}

#[test]
fn values_must_go_together() {
    for (input, expected) in [
        ("sslrootcert=system sslmode=verify-full", None),
        (
            "sslrootcert=system sslmode=require",
            Some("sslmode is too weak for sslrootcert=system"),
        ),
        (
            "sslnegotiation=direct",
            Some("sslmode is too weak for sslnegotiation=direct"),
        ),
        ("sslnegotiation=direct sslmode=require", None),
        (
            "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=tlsv1.2",
            Some("ssl_min_protocol_version is above ssl_max_protocol_version"),
        ),
        (
            "ssl_min_protocol_version=TLSv1.2 ssl_max_protocol_version=TLSv1.2",
            None,
        ),
        ("host=a,b port=1,2", None),
    ] {
        let error = parse(input).unwrap().check().err();
        let message = error.map(|error| error.to_string());
        assert_eq!(message.as_deref(), expected, "of {input:?}");
    }
}

#[test]
fn ways_of_authentication() {
    check_all(&[
        ("require_auth=scram-sha-256", "require_auth=scram-sha-256"),
        ("require_auth=md5,none", "require_auth=md5,none"),
        ("require_auth=!md5,!password", "require_auth=!md5,!password"),
        ("require_auth=", ""),
        ("require_auth=md5,!none", "error: bad value of require_auth"),
        ("require_auth=md5,md5", "error: bad value of require_auth"),
        ("require_auth=md5,", "error: bad value of require_auth"),
        ("require_auth=MD5", "error: bad value of require_auth"),
    ]);
}

#[test]
fn what_only_newer_libpq_knows() {
    check_all(&[
        (
            "oauth_issuer=https://x oauth_client_id=y sslkeylogfile=z",
            "",
        ),
        (
            "scram_client_key=x",
            "error: onward does not know how to use scram_client_key",
        ),
        ("scram_server_key=", ""),
        ("min_protocol_version=3.0 max_protocol_version=latest", ""),
        (
            "min_protocol_version=3.2",
            "error: bad value of min_protocol_version",
        ),
    ]);
}
