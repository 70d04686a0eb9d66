//! Connection strings.

use super::{Case, case, compare};

#[test]
fn strings_that_are_read_alike() {
    let cases: Vec<Case> = ALIKE.iter().map(|text| case(*text)).collect();
    compare(&cases);
}

#[test]
fn strings_of_newer_versions() {
    let cases = NEWER.iter().map(|(since, text)| case(*text).since(*since));
    compare(&cases.collect::<Vec<_>>());
}

#[test]
fn strings_that_only_some_take() {
    compare(&[
        case("postgres://h/my db").before(18),
        case("gssencmode=require").differs_by_build("what would be needed is not to be had"),
    ]);
}

#[test]
fn strings_that_are_read_otherwise() {
    let cases = OTHERWISE
        .iter()
        .flat_map(|(reason, texts)| texts.iter().map(|text| case(*text).differs(reason)));
    compare(&cases.collect::<Vec<_>>());
}

#[test]
fn every_part_with_every_other() {
    let users = ["", "u@", "u:p@", ":p@", "u%40x:p%3A@", "u:a:b@"];
    let hosts = ["", "h", "[::1]:1", "a:1,[::1]:2", "%2Ftmp", ":1"];
    let paths = [
        "",
        "/",
        "/db",
        "/a%2Fb",
        "?",
        "/db?sslmode=require&connect_timeout=3",
        "?host=/tmp&port=1",
        "/db?options=-c%20a%3Db&application_name=x%26y",
    ];
    let mut cases = Vec::new();
    for user in users {
        for host in hosts {
            for path in paths {
                cases.push(case(format!("postgres://{user}{host}{path}")));
            }
        }
    }
    compare(&cases);
}

#[test]
fn pairs_in_every_order() {
    let pairs = [
        "host=/tmp",
        "user = 'a b'",
        "password=a\\'b",
        "dbname=''",
        "port=1",
    ];
    let mut cases = Vec::new();
    for first in pairs {
        for second in pairs {
            cases.push(case(format!("{first} {second}")));
            for third in pairs {
                cases.push(case(format!("{first} {second}\t{third} ")));
            }
        }
    }
    compare(&cases);
}

#[test]
fn quotes_and_backslashes_in_every_order() {
    let marks = ["'", "\\", " ", "a", "="];
    let mut tails = vec![String::new()];
    let mut all = Vec::new();
    for _ in 0..4 {
        tails = tails
            .iter()
            .flat_map(|tail| marks.map(|mark| format!("{tail}{mark}")))
            .collect();
        all.extend(tails.iter().map(|tail| case(format!("user={tail}"))));
    }
    compare(&all);
}

/// The version of libpq that is the first to know a string.
const NEWER: &[(u64, &str)] = &[
    (16, "load_balance_hosts=random"),
    (16, "sslmode=verify-ca sslrootcert=system"),
    (16, "require_auth=scram-sha-256,none sslcertmode=disable"),
    (16, "require_auth=!scram-sha-256"),
    (16, "sslrootcert=system"),
    (16, "sslrootcert=system sslmode=require"),
    (17, "sslnegotiation=direct sslmode=require"),
    (18, "min_protocol_version=3.0 max_protocol_version=3.2"),
    (18, "max_protocol_version=latest sslkeylogfile=/x"),
    (18, "oauth_issuer=https://x oauth_client_id=y oauth_scope=z"),
];

/// Strings that are meant to be read in another way, by the reason.
const OTHERWISE: &[(&str, &[&str])] = &[
    (
        "a value goes to the server, the screen and other programs, all of which speak UTF-8",
        &[
            "postgres://h/%FF",
            "postgres://%ff@h",
            "postgres://h/?options=%ff",
        ],
    ),
    (
        "libpq tells when it connects, with a port or address that cannot be",
        &[
            "host=a hostaddr=localhost",
            "postgres://::1/db",
            "port=0",
            "port=65536",
            "port=-1",
            "port=99999999999999999999",
            "port=5432x",
            "port=0x10",
            "port=' '",
            "postgres://h:abc/db",
            "postgres://h:5432:1/db",
            "postgres://u:secret",
        ],
    ),
    (
        "libpq tells when it has connected, of a number that is none",
        &[
            "connect_timeout=10s",
            "connect_timeout=2147483648",
            "connect_timeout=",
            "keepalives=yes",
        ],
    ),
    (
        "what can only be meant in one way is taken so: empty parameters, = in a value",
        &[
            "postgres://h/db?&user=u&&sslmode=allow",
            "postgres://h/db?options=endpoint=ep-1",
        ],
    ),
    ("without a word about a database, none is meant", &[""]),
    (
        "a URL may hold a password, and would be shown as a name",
        &["dbname=postgres://u:p@h/db"],
    ),
    (
        "blanks and quotes around the string come from .env files and shells",
        &[
            " postgres://h/db\n",
            "\"postgres://h/db\"",
            "'postgres://h/db'",
            " ' postgres://h/db ' ",
            "\"host=h dbname='a b'\"",
            "'host=h'",
        ],
    ),
    (
        "other stacks write these schemes",
        &[
            "pgsql://h",
            "postgresql+psycopg2://h",
            "postgresql+asyncpg://h?ssl=require",
            "postgres+driver://h",
            "POSTGRES://h",
        ],
    ),
    (
        "libpq would take a piece of the password for a host, port or database, and show it",
        &[
            "postgres://u:p@ss@h/db",
            "postgres://u@tenant:p@h/db",
            "postgres://u:p@s/s@h/db",
            "postgres://u:p@@h/db",
            "postgres://u:p/x@h/db",
            "postgres://u:123/x@h/db",
            "postgres://u:p/x=y@h/db",
            "postgres://u:p#x/y@h/db",
            "postgres://u:p,w/x@h/db",
            "postgres://?user=u&password=p@h",
            "postgres://h?user=a@b",
            "postgres://u:p@h#x/db",
            "postgres://h:5432#x",
        ],
    ),
    (
        "other stacks write these parameters",
        &[
            "sslmode=no-verify",
            "postgres://h?ssl=false",
            "postgres://h?ssl=verify-full",
            "postgres://h?schema=App",
            "postgres://h?schema=a\"b",
            "postgres://h?currentSchema=a,b",
            "postgres://h?search_path=a,b",
            "postgres://h?pgbouncer=true&connection_limit=1&pool_timeout=0&socket_timeout=3",
            "postgres://h?statement_cache_size=0&max_pool_size=3&supa=base-pooler.x",
            "postgres://h?sslmode=require&sslaccept=strict",
            "postgres://h?sslaccept=accept_invalid_certs",
            "postgres://h?ssl-mode=require&ssl-ca=/ca",
        ],
    ),
    (
        "what would be needed is not to be had",
        &["replication=database"],
    ),
];

const ALIKE: &[&str] = &[
    "postgres://",
    "postgresql://",
    "postgres:///",
    "postgres://h",
    "postgres://h/",
    "postgres:///db",
    "postgres://h/db",
    "postgres://h:6543/db",
    "postgres://:6543/db",
    "postgres://h:/db",
    "postgres://u@h/db",
    "postgres://u:p@h:1/db",
    "postgres://u:p@/db",
    "postgres://u:@h",
    "postgres://:p@h",
    "postgres://@h",
    "postgres://:@h",
    "postgres://@",
    "postgres://u:p:q@h",
    "postgres://h/a/b/c",
    "postgres://h/db@x",
    "postgres://h?user=u",
    "postgres://h/?user=u",
    "postgres://h/db?",
    "postgres://?host=/tmp",
    "postgres://%75ser@h",
    "postgres://u:%40%23%2f%3F%25%3a@h",
    "postgres://u%40x:p@h",
    "postgres://%2Ftmp/db",
    "postgres://u@%2Fvar%2Frun%2Fpostgresql:5433/db",
    "postgres://%40abstract/db",
    "postgres://h:%35432",
    "postgres://h/a%2Fb%20c%C3%A9",
    "postgres://h/?us%65r=%61",
    "postgres://a%2Cb:1%2C2/",
    "postgres://u:a+b@h/c+d",
    "postgres://[fe80::1%25eth0]/",
    "postgres://u:100%@h",
    "postgres://u:p%4@h",
    "postgres://u:p%zz@h",
    "postgres://u:p%+1@h",
    "postgres://u:p%%41@h",
    "postgres://u:p%00@h",
    "postgres://u%@h",
    "postgres://h%/db",
    "postgres://h:%5/db",
    "postgres://h/%g0",
    "postgres://h/?us%er=x",
    "postgres://h/?sslcert=%",
    "postgres://h/?password=%",
    "postgres://a,b/db",
    "postgres://a:1,b:2/db",
    "postgres://a,b:5433/db",
    "postgres://a,b:1,:3/db",
    "postgres://u:p@a:1,b:2?sslmode=require",
    "postgres://,",
    "host=a,b port=5433",
    "host=a,b port=1,2",
    "host=a,b port=,2",
    "port=1,2",
    "hostaddr=127.0.0.1,::1",
    "host=a,b hostaddr=127.0.0.1,",
    "host=a hostaddr=10.0.0.1 port=6543",
    "host=a,b hostaddr=127.0.0.1",
    "host=a,b port=1,2,3",
    "host=a port=1,2",
    "postgres://[::1]",
    "postgres://[::1]:6543/db",
    "postgres://u:p@[2001:db8::1]/db",
    "postgres://[::1],[::2]:1?user=u",
    "postgres://[::1]/db@x",
    "postgres://[::1/db",
    "postgres://[]/db",
    "postgres://[::1]x/db",
    "postgres:///db?host=/var/run&port=5433",
    "postgres://h/db?host=k",
    "postgres://u:p@h/db?user=v&password=q",
    "postgres://h/db?dbname=other",
    "postgres://h/db?host=a&host=b",
    "postgres://h/db?user=",
    "postgres://u@h/db?user=",
    "postgres://h/db?sslmode=prefer&",
    "postgres://h:5432/db?user=me@azure",
    "postgres://u:p@h/db?application_name=a@b",
    "postgres://h/db?options=-c%20a%3Db",
    "postgres://h:/db?user=a@b",
    "postgres://h/db?sslmode",
    "postgres://h/db?USER=x",
    "postgres://h/db?=x",
    "postgres://h/db?colour=red",
    "postgres://h/db?statement_timeout=5s",
    "postgres://h/db?se%20cret=x",
    "postgres://h/db?password=se&cret=x",
    "postgres://h/db?abcdefghijklmnopqrstuvwxyzabcdefghijklmno=x",
    "  ",
    "host=h",
    "host = h  user\t=\nu",
    "host=h user=u password=p dbname=db port=5433",
    "password='a b' user=u",
    "password='it\\'s' user=u",
    "password='a\\\\b'",
    "password=a\\ b",
    "password=a\\",
    "password=a\\ ",
    "password=a'b'c",
    "user='a'dbname=b",
    "user=''",
    "host=",
    "host= user=x",
    "user=x user=y",
    "user=x user=",
    "dbname=a%20b",
    "options='-c search_path=a,b'",
    "application_name=http://x",
    "user=a\u{b}dbname=b",
    "user=é dbname='ü b'",
    "password=a=b@c/d?e#f",
    "host",
    "host=a user",
    "password=my secret user=u",
    "password=my secret=u",
    "password='my secret",
    "password='a\\'",
    "password='it''s'",
    "=x",
    "colour=red",
    "host='h'",
    "'",
    "\"postgres://h/db",
    "mysql://u:p@h/db",
    "https://h/db",
    "jdbc:postgresql://h/db",
    "postgres:/h/db",
    "u:p@h/db",
    "u:p@h/db?sslmode=require",
    "://h",
    "p@ss://h",
    "mydb",
    "postgres://u:p#x@h/db",
    "postgres://u:p?x@h/db",
    "postgres://u:p&x=y@h/db",
    "postgres://h/db#x",
    "postgres://u:p@s?s@h/db",
    "postgres://u:1?x/y@h/db",
    "postgres://h/db?sslmode=require#x",
    "port=1",
    "port=65535",
    "postgres://h/?port=1,x",
    "sslmode=disable",
    "sslmode=verify-full sslrootcert=/ca.pem sslcert=c sslkey=k",
    "sslmode=",
    "sslmode=Require",
    "sslmode=maybe",
    "postgres://h?ssl=true",
    "postgres://h?sslmode=verify-full&ssl=true",
    "postgres://h?ssl=maybe",
    "sslnegotiation=direct",
    "channel_binding=require",
    "channel_binding=x",
    "target_session_attrs=read-write",
    "target_session_attrs=prefer-standby",
    "target_session_attrs=master",
    "connect_timeout=10",
    "keepalives=0 keepalives_idle=30 keepalives_interval=5 keepalives_count=3",
    "ssl_min_protocol_version=TLSv1.3",
    "ssl_max_protocol_version=tlsv1.2",
    "ssl_min_protocol_version=SSLv3",
    "gssencmode=prefer krbsrvname=x sslcompression=0 sslsni=1",
    "fallback_application_name=x client_encoding=LATIN1 requirepeer=root",
    "service=s passfile=/p application_name='a b'",
    "sslpassword=x sslcrl=a sslcrldir=b",
    "postgres://h?sslaccept=x",
    "postgres://u:p@ep-1.neon.tech/db?sslmode=require&channel_binding=require",
    "postgres://u:p@/db?host=/cloudsql/p:r:i",
    "port=' 5432 '",
    "port=+5432",
    "port=05432",
    "connect_timeout=-1",
    "keepalives=2 tcp_user_timeout=1000",
];
