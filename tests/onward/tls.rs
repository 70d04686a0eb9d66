//! TLS, and what else a connection string demands of a connection: by the same connection string, psql and the program
//! both get in by the same way, or both do not.

use crate::support::{Project, Turn, Way};
use Way::{Plain, Refused, Tls};

/// What psql does, the program does too.
#[track_caller]
fn alike(turn: &Turn, settings: &str, expected: Way) {
    differ(turn, settings, expected, expected);
}

/// Where the program means to differ from psql.
#[track_caller]
fn differ(turn: &Turn, settings: &str, psql: Way, onward: Way) {
    let ((psql_way, said), (onward_way, outcome)) = std::thread::scope(|scope| {
        let psql = scope.spawn(|| turn.way_of_psql(settings));
        let onward = turn.way_of_onward(settings);
        (psql.join().expect("psql ends"), onward)
    });
    assert_eq!(psql_way, psql, "psql with {settings}\n{said}");
    assert_eq!(onward_way, onward, "onward with {settings}\n{outcome}");
}

#[test]
fn a_good_certificate_satisfies_every_mode() {
    let turn = Turn::with("good");
    for (settings, expected) in [
        ("", Tls),
        ("sslmode=disable", Plain),
        ("sslmode=allow", Plain),
        ("sslmode=prefer", Tls),
        ("sslmode=require", Tls),
        ("sslmode=verify-ca", Refused),
        ("sslmode=verify-full", Refused),
        ("sslmode=disable sslrootcert={}ca.crt", Plain),
        ("sslmode=allow sslrootcert={}ca.crt", Plain),
        ("sslmode=prefer sslrootcert={}ca.crt", Tls),
        ("sslmode=require sslrootcert={}ca.crt", Tls),
        ("sslmode=verify-ca sslrootcert={}ca.crt", Tls),
        ("sslmode=verify-full sslrootcert={}ca.crt", Tls),
        ("sslmode=verify-full sslrootcert={}ca.crt host=db.test", Tls),
        (
            "sslmode=verify-full sslrootcert={}ca.crt host=other.test",
            Refused,
        ),
    ] {
        alike(&turn, settings, expected);
    }
}

#[test]
fn a_certificate_for_another_name_fails_where_names_are_compared() {
    let turn = Turn::with("elsewhere");
    for (settings, expected) in [
        ("sslmode=require", Tls),
        ("sslmode=prefer sslrootcert={}ca.crt", Tls),
        ("sslmode=require sslrootcert={}ca.crt", Tls),
        ("sslmode=verify-ca sslrootcert={}ca.crt", Tls),
        ("sslmode=verify-full sslrootcert={}ca.crt", Refused),
        (
            "sslmode=verify-full sslrootcert={}ca.crt host=db.elsewhere",
            Tls,
        ),
    ] {
        alike(&turn, settings, expected);
    }
    turn.onward("sslmode=verify-full sslrootcert={}ca.crt").gives(4, "", r"
        error: cannot connect to postgres@localhost:<port>/postgres: the server's certificate is for db.elsewhere, db2.elsewhere, not for localhost
          connect by a name that it has, or reissue it with -addext subjectAltName=DNS:localhost
    ");
}

/// A certificate that leads nowhere good: verified only where a root is known.
#[track_caller]
fn check_bad(certificate: &str, message: &str, hint: &str) {
    let turn = Turn::with(certificate);
    for (settings, expected) in [
        ("sslmode=require", Tls),
        ("sslmode=allow sslrootcert={}ca.crt", Plain),
        ("sslmode=prefer sslrootcert={}ca.crt", Plain),
        ("sslmode=require sslrootcert={}ca.crt", Refused),
        ("sslmode=verify-ca sslrootcert={}ca.crt", Refused),
        ("sslmode=verify-full sslrootcert={}ca.crt", Refused),
    ] {
        alike(&turn, settings, expected);
    }
    let stderr = format!(
        "error: cannot connect to postgres@localhost:<port>/postgres: {message}\n  {hint}\n"
    );
    turn.onward("sslmode=verify-ca sslrootcert={}ca.crt")
        .gives(4, "", &stderr);
}

#[test]
fn an_expired_certificate_is_refused_where_it_is_verified() {
    check_bad(
        "expired",
        "the server's certificate, or one that it leads to, expired on <when>",
        "renew it on the server",
    );
}

#[test]
fn a_certificate_of_another_authority_is_refused_where_it_is_verified() {
    check_bad(
        "stranger",
        "the server's certificate does not lead to a root of <certificates>/ca.crt",
        "set sslrootcert to the certificate of the authority that issued it; the server must send those in between",
    );
}

#[test]
fn a_server_without_tls_serves_those_who_do_not_demand_it() {
    let turn = Turn::with("off");
    for (settings, expected) in [
        ("sslmode=disable", Plain),
        ("sslmode=allow", Plain),
        ("sslmode=prefer", Plain),
        ("sslmode=prefer sslrootcert={}ca.crt", Plain),
        ("sslmode=require", Refused),
        ("sslmode=verify-ca sslrootcert={}ca.crt", Refused),
        ("sslmode=verify-full sslrootcert={}ca.crt", Refused),
        (
            "user=scram password=secret channel_binding=require",
            Refused,
        ),
        ("user=scram password=secret channel_binding=prefer", Plain),
    ] {
        alike(&turn, settings, expected);
    }
    turn.onward("sslmode=require").gives(4, "", r"
        error: cannot connect to postgres@localhost:<port>/postgres: the server does not offer TLS, and sslmode=require demands it
          set ssl = on in postgresql.conf, or, on a network that you trust, use sslmode=prefer
    ");
    turn.onward("user=scram password=secret channel_binding=require").gives(4, "", r"
        error: cannot connect to scram@localhost:<port>/postgres: channel_binding=require, but the connection is not encrypted
          let pg_hba.conf ask for scram-sha-256 on hostssl lines, or set channel_binding=prefer
    ");
}

#[test]
fn allow_and_prefer_try_the_other_way() {
    let turn = Turn::with("good");
    for (settings, expected) in [
        ("user=tls_only sslmode=disable", Refused),
        ("user=tls_only sslmode=allow", Tls),
        ("user=tls_only sslmode=prefer", Tls),
        ("user=tls_only sslmode=require", Tls),
        ("user=plain_only sslmode=disable", Plain),
        ("user=plain_only sslmode=allow", Plain),
        ("user=plain_only sslmode=prefer", Plain),
        ("user=plain_only sslmode=require", Refused),
        ("user=scram password=wrong sslmode=prefer", Refused),
        ("user=scram password=wrong sslmode=allow", Refused),
        ("dbname=nowhere sslmode=prefer", Refused),
        ("dbname=nowhere sslmode=allow", Refused),
    ] {
        alike(&turn, settings, expected);
    }
    drop(turn);
    // With a certificate that is refused, allow has nothing else to try.
    let turn = Turn::with("stranger");
    alike(
        &turn,
        "user=tls_only sslmode=allow sslrootcert={}ca.crt",
        Refused,
    );
    turn.onward("user=tls_only sslmode=prefer sslrootcert={}ca.crt").gives(4, "", r#"
        error: cannot connect to tls_only@localhost:<port>/postgres
          localhost:<port> with TLS: the server's certificate does not lead to a root of <certificates>/ca.crt
          localhost:<port> without TLS: FATAL: pg_hba.conf rejects connection for host "127.0.0.1", user "tls_only", database "postgres", no encryption (28000)
          check user and password of DATABASE_URL, and pg_hba.conf of the server
    "#);
}

#[test]
fn an_error_that_has_nothing_to_do_with_tls_is_told_once() {
    let turn = Turn::with("good");
    turn.onward("dbname=nowhere").gives(4, "", r#"
        error: cannot connect to postgres@localhost:<port>/nowhere: FATAL: database "nowhere" does not exist (3D000)
          create the database first: createdb NAME
    "#);
    turn.onward("user=scram password=wrong").gives(4, "", r#"
        error: cannot connect to scram@localhost:<port>/postgres: FATAL: password authentication failed for user "scram" (28P01)
          check user and password of DATABASE_URL, and pg_hba.conf of the server
    "#);
    turn.onward("user=scram").gives(4, "", r"
        error: cannot connect to scram@localhost:<port>/postgres: the server asks for a password (scram-sha-256), and none was given
          give one: PGPASSWORD, ~/.pgpass, or postgres://user:PASSWORD@host/database
    ");
}

#[test]
fn every_session_of_up_is_encrypted() {
    let turn = Turn::with("good");
    turn.query("DROP DATABASE IF EXISTS sealed");
    turn.query("CREATE DATABASE sealed");
    let project = Project::new().migration(
        "1_a.sql",
        "CREATE TABLE seen AS SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid();",
    ).migration("2_b.sql", "DO $$ BEGIN ASSERT (SELECT bool_and(ssl) FROM seen), 'plain'; END $$;");
    let settings = "dbname=sealed sslmode=verify-full sslrootcert={}ca.crt";
    turn.onward_in(&project, "up", settings).gives(
        0,
        "Applied 2 migrations: 1_a.sql, 2_b.sql\n",
        "
        applied 1_a.sql (<time>)
        applied 2_b.sql (<time>)
        ",
    );
}

#[test]
fn addresses_stand_in_certificates_as_addresses() {
    let turn = Turn::with("numbered");
    let root = "sslmode=verify-full sslrootcert={}ca.crt";
    alike(&turn, &format!("{root} host=127.0.0.1"), Tls);
    alike(&turn, root, Refused);
    turn.onward(&format!("{root} host=127.0.0.2 hostaddr=127.0.0.1")).gives(4, "", r"
        error: cannot connect to postgres@127.0.0.2:<port>/postgres: the server's certificate is for 127.0.0.1, not for 127.0.0.2
          connect by a name that it has, or reissue it with -addext subjectAltName=IP:127.0.0.2
    ");
    // An address by itself is no name to compare with.
    alike(&turn, &format!("{root} host=''"), Refused);
    turn.onward(&format!("{root} host=''")).gives(
        2,
        "",
        r"
        error: sslmode=verify-full compares the certificate with host, and only hostaddr is given
          add host=NAME beside hostaddr
    ",
    );
}

#[test]
fn a_certificate_without_names_is_told_how_to_be_reissued() {
    let turn = Turn::with("nameless");
    let root = "sslrootcert={}ca.crt";
    alike(&turn, &format!("sslmode=verify-ca {root}"), Tls);
    // libpq takes the common name.
    differ(&turn, &format!("sslmode=verify-full {root}"), Tls, Refused);
    turn.onward(&format!("sslmode=verify-full {root}")).gives(4, "", r"
        error: cannot connect to postgres@localhost:<port>/postgres: the server's certificate has no subjectAltName
          reissue it with -addext subjectAltName=DNS:localhost
    ");
}

#[test]
fn a_certificate_of_version_1_encrypts_and_proves_nothing() {
    let turn = Turn::with("first");
    let root = "sslrootcert={}ca.crt";
    alike(&turn, "sslmode=prefer", Tls);
    alike(&turn, "sslmode=require", Tls);
    alike(
        &turn,
        "sslmode=require ssl_max_protocol_version=TLSv1.2",
        Tls,
    );
    alike(&turn, "sslmode=require user=scram password=secret", Tls);
    // The library behind us cannot read it.
    differ(&turn, &format!("sslmode=verify-ca {root}"), Tls, Refused);
    differ(&turn, &format!("sslmode=prefer {root}"), Tls, Plain);
    differ(
        &turn,
        "user=scram password=secret channel_binding=require",
        Tls,
        Refused,
    );
    turn.onward(&format!("sslmode=verify-ca {root}")).gives(4, "", r"
        error: cannot connect to postgres@localhost:<port>/postgres: the server's certificate is of X.509 version 1, which cannot be verified
          reissue it as version 3: openssl req -new -addext subjectAltName=DNS:localhost …, then openssl x509 -req -copy_extensions copy …
    ");
    turn.onward("sslmode=require user=scram password=secret channel_binding=require").gives(4, "", r"
        error: cannot connect to scram@localhost:<port>/postgres: channel_binding=require, but the server's certificate cannot be bound to
          reissue it as X.509 version 3 with an RSA or ECDSA key, signed with SHA-256
    ");
}

#[test]
fn a_certificate_may_be_its_own_authority() {
    let turn = Turn::with("lonely");
    for (settings, expected) in [
        ("sslmode=verify-full sslrootcert={}lonely.crt", Tls),
        ("sslmode=verify-ca sslrootcert={}lonely.crt host=other", Tls),
        (
            "sslmode=verify-full sslrootcert={}lonely.crt host=other",
            Refused,
        ),
        ("sslmode=verify-full sslrootcert={}ca.crt", Refused),
    ] {
        alike(&turn, settings, expected);
    }
}

#[test]
fn authentication_is_bound_to_the_certificate() {
    let login = "user=scram password=secret";
    for certificate in ["good", "rsa"] {
        let turn = Turn::with(certificate);
        for binding in ["disable", "prefer", "require"] {
            alike(&turn, &format!("{login} channel_binding={binding}"), Tls);
        }
    }
    let turn = Turn::with("good");
    for (settings, expected) in [
        (
            "user=scram password=secret channel_binding=require sslmode=disable",
            Refused,
        ),
        (
            "user=hashed password=secret channel_binding=require",
            Refused,
        ),
        ("user=hashed password=secret", Tls),
        (
            "user=clear password=secret channel_binding=require",
            Refused,
        ),
        ("channel_binding=require", Refused),
    ] {
        alike(&turn, settings, expected);
    }
    turn.onward("channel_binding=require").gives(4, "", r"
        error: cannot connect to postgres@localhost:<port>/postgres: channel_binding=require, but the server lets us in without authentication
          let pg_hba.conf ask for scram-sha-256 on hostssl lines, or set channel_binding=prefer
    ");
    drop(turn);
    // What Ed25519 signs has no hash of its own.
    let turn = Turn::with("edwards");
    alike(&turn, &format!("{login} channel_binding=disable"), Tls);
    alike(&turn, &format!("{login} channel_binding=require"), Refused);
}

#[test]
fn client_certificates_are_sent_where_they_are_asked_for() {
    let turn = Turn::with("good");
    let own = "sslcert={}user.crt sslkey={}user.key";
    for (settings, expected) in [
        (format!("user=certified {own}"), Tls),
        (format!("user=certified sslmode=require {own}"), Tls),
        (
            format!("user=certified {own} ssl_max_protocol_version=TLSv1.2"),
            Tls,
        ),
        (format!("user=vouched {own}"), Tls),
        (format!("user=certified {own} sslkey={{}}user.der"), Tls),
        (own.to_owned(), Tls),
        // Of version 1, as `openssl x509 -req` makes them.
        (
            "user=certified sslcert={}early_user.crt sslkey={}early_user.key".to_owned(),
            Tls,
        ),
        ("user=certified".to_owned(), Refused),
        ("user=vouched sslmode=require".to_owned(), Refused),
        (
            "user=certified sslmode=require sslcert={}stranger_user.crt sslkey={}stranger_user.key"
                .to_owned(),
            Refused,
        ),
        (
            "user=certified sslmode=require sslcert={}user.crt sslkey={}stranger_user.key"
                .to_owned(),
            Refused,
        ),
        (
            "user=certified sslmode=require sslcert={}user.crt sslkey={}open.key".to_owned(),
            Refused,
        ),
    ] {
        alike(&turn, &settings, expected);
    }
    // psql 15 does not know sslcertmode.
    let (way, outcome) = turn.way_of_onward(&format!("user=certified sslcertmode=require {own}"));
    assert_eq!(way, Tls, "{outcome}");
    turn.onward(&format!("user=certified sslmode=require sslcertmode=disable {own}")).gives(4, "", r"
        error: cannot connect to certified@localhost:<port>/postgres: FATAL: connection requires a valid client certificate (28000)
          check user and password of DATABASE_URL, and pg_hba.conf of the server
    ");
    turn.onward("sslcertmode=require").gives(
        2,
        "",
        r"
        error: sslcertmode=require, and there is no client certificate
          name it with sslcert=FILE and its key with sslkey=FILE
    ",
    );
    turn.onward(&format!("sslmode=disable sslcertmode=require {own}")).gives(4, "", r"
        error: cannot connect to postgres@localhost:<port>/postgres: sslcertmode=require, but the server did not ask for a client certificate
          set ssl_ca_file on the server, or sslcertmode=allow
    ");
    for version in ["TLSv1.2", "TLSv1.3"] {
        let stranger = format!(
            "user=certified sslmode=require sslcert={{}}stranger_user.crt sslkey={{}}stranger_user.key \
             ssl_min_protocol_version={version} ssl_max_protocol_version={version}"
        );
        turn.onward(&stranger).gives(4, "", r"
            error: cannot connect to certified@localhost:<port>/postgres: the server refused the client certificate: its issuer is unknown there
              set sslcert to a certificate that an authority of the server's ssl_ca_file issued
        ");
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let turn = Turn::with("good");
    let check = |settings: &str, stderr: &str| turn.onward(settings).gives(2, "", stderr);
    check(
        "sslmode=verify-full",
        r"
        error: sslmode=verify-full needs a root certificate, and none is named
          name one with sslrootcert=FILE, use those of the operating system with sslrootcert=system, or change sslmode to verify nothing: sslmode=require
    ",
    );
    check(
        "sslrootcert={}absent.crt",
        r"
        error: sslrootcert: <certificates>/absent.crt: No such file or directory (os error 2)
          check sslrootcert, and who may read the file
    ",
    );
    check(
        "sslrootcert={}empty.pem",
        r"
        error: sslrootcert: <certificates>/empty.pem: there is no certificate in PEM in it
          it begins with a line -----BEGIN …-----; openssl converts other forms
    ",
    );
    check(
        "sslrootcert={}lists",
        r"
        error: sslrootcert: <certificates>/lists: not a regular file
          check sslrootcert, and who may read the file
    ",
    );
    check(
        "sslrootcert='-----BEGIN CERTIFICATE-----'",
        r"
        error: sslrootcert holds the text of a file, not its path
          write the text to a file, and its path into sslrootcert
    ",
    );
    check(
        "sslrootcert={}ca.crt sslcrl={}absent.crl",
        r"
        error: sslcrl: <certificates>/absent.crl: No such file or directory (os error 2)
          check sslcrl, and who may read the file
    ",
    );
    check(
        "sslcert={}user.crt",
        r"
        error: sslcert: <certificates>/user.crt: there is no private key for this certificate
          name it with sslkey=FILE
    ",
    );
    check(
        "sslcert={}user.crt sslkey={}open.key",
        r"
        error: sslkey: <certificates>/open.key: the private key can be read by others
          chmod 600 <certificates>/open.key
    ",
    );
    check(
        "sslcert={}user.crt sslkey={}good.key",
        r"
        error: sslkey: <certificates>/good.key: the private key is not that of the client certificate
          check sslcert and sslkey
    ",
    );
    check(
        "sslcert={}user.crt sslkey={}locked.key sslpassword=secret",
        r"
        error: sslkey: <certificates>/locked.key: the private key is encrypted, which onward cannot read, with sslpassword or without
          decrypt it: (umask 077; openssl pkey -in <certificates>/locked.key -out decrypted.key), and set sslkey to that file
    ",
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let turn = Turn::with("good");
    for (settings, message) in [
        (
            "sslrootcert=system sslmode=require",
            "sslmode is too weak for sslrootcert=system\n  use sslmode=verify-full\n",
        ),
        (
            "sslnegotiation=direct",
            "sslmode is too weak for sslnegotiation=direct\n  use sslmode=require, verify-ca or verify-full\n",
        ),
        (
            "ssl_max_protocol_version=TLSv1.1",
            "no version of TLS lies between ssl_min_protocol_version and ssl_max_protocol_version\n  onward speaks TLSv1.2 and TLSv1.3\n",
        ),
        ("require_auth=kerberos", "bad value of require_auth\n"),
    ] {
        let outcome = turn.onward(settings);
        outcome.exits(2);
        assert!(outcome.stderr.contains(message), "{outcome}");
    }
}

#[test]
fn the_roots_of_the_system_mean_full_verification() {
    let turn = Turn::with("good");
    let outcome = turn.onward("sslrootcert=system");
    // A machine may have no roots at all.
    assert!(matches!(outcome.code(), Some(2 | 4)), "{outcome}");
    assert!(
        outcome.stderr.contains("a root of the operating system")
            || outcome
                .stderr
                .contains("this machine has no root certificates"),
        "{outcome}"
    );
}

#[test]
fn revoked_certificates_are_refused() {
    let turn = Turn::with("good");
    for (settings, expected) in [
        (
            "sslmode=verify-ca sslrootcert={}ca.crt sslcrl={}ca.crl",
            Tls,
        ),
        // Without a list of the authority, nobody knows.
        (
            "sslmode=verify-ca sslrootcert={}ca.crt sslcrl={}other.crl",
            Refused,
        ),
    ] {
        alike(&turn, settings, expected);
    }
    turn.onward("sslmode=verify-ca sslrootcert={}ca.crt sslcrl={}other.crl").gives(4, "", r"
        error: cannot connect to postgres@localhost:<port>/postgres: no revocation list tells about the server's certificate
          set sslcrl to the list of every authority between the server's certificate and the root, or leave it out
    ");
    drop(turn);
    let turn = Turn::with("revoked");
    for (settings, expected) in [
        ("sslmode=require sslcrl={}ca.crl", Tls),
        ("sslmode=verify-ca sslrootcert={}ca.crt", Tls),
        (
            "sslmode=verify-ca sslrootcert={}ca.crt sslcrl={}ca.crl",
            Refused,
        ),
        ("sslmode=prefer sslrootcert={}ca.crt sslcrl={}ca.crl", Plain),
    ] {
        alike(&turn, settings, expected);
    }
    turn.onward("sslmode=verify-ca sslrootcert={}ca.crt sslcrldir={}lists").gives(4, "", r"
        error: cannot connect to postgres@localhost:<port>/postgres: the server's certificate is revoked
          give the server a new one
    ");
}

#[test]
fn versions_are_agreed_on_or_not() {
    let turn = Turn::with("old");
    for (settings, expected) in [
        ("sslmode=require", Tls),
        ("sslmode=require ssl_min_protocol_version=TLSv1.2", Tls),
        ("sslmode=require ssl_min_protocol_version=TLSv1.3", Refused),
        ("sslmode=prefer ssl_min_protocol_version=TLSv1.3", Plain),
    ] {
        alike(&turn, settings, expected);
    }
    turn.onward("sslmode=require ssl_min_protocol_version=TLSv1.3").gives(4, "", r"
        error: cannot connect to postgres@localhost:<port>/postgres: server and client have no version of TLS, or no cipher, in common
          check ssl_min_protocol_version and ssl_max_protocol_version here and on the server, and its ssl_ciphers
    ");
}

#[test]
fn a_unix_socket_is_not_encrypted_whatever_the_mode() {
    let turn = Turn::with("good");
    let socket = "host={socket} hostaddr=''";
    for mode in [
        "disable",
        "prefer",
        "require",
        "verify-ca sslrootcert={}ca.crt",
    ] {
        alike(&turn, &format!("{socket} sslmode={mode}"), Plain);
    }
    alike(&turn, &format!("{socket} sslmode=verify-full"), Plain);
}

#[test]
fn the_server_may_only_ask_for_what_require_auth_allows() {
    let turn = Turn::with("good");
    let check = |settings: &str, expected: Way| {
        let (way, outcome) = turn.way_of_onward(settings);
        assert_eq!(way, expected, "{settings}\n{outcome}");
    };
    // psql 15 does not know the keyword.
    for (settings, expected) in [
        ("require_auth=none", Tls),
        ("require_auth=scram-sha-256", Refused),
        ("require_auth=!none", Refused),
        ("user=scram password=secret require_auth=scram-sha-256", Tls),
        (
            "user=scram password=secret require_auth=!password,!md5",
            Tls,
        ),
        ("user=scram password=secret require_auth=none,md5", Refused),
        ("user=hashed password=secret require_auth=md5", Tls),
        ("user=hashed password=secret require_auth=!md5", Refused),
        ("user=clear password=secret require_auth=password", Tls),
        (
            "user=clear password=secret require_auth=scram-sha-256,md5",
            Refused,
        ),
    ] {
        check(settings, expected);
    }
    turn.onward("user=clear password=secret require_auth=scram-sha-256").gives(4, "", r"
        error: cannot connect to clear@localhost:<port>/postgres: the server asks for password, which require_auth does not allow
          check pg_hba.conf of the server, or require_auth
    ");
}

#[test]
fn the_owner_of_a_socket_is_checked() {
    let turn = Turn::with("good");
    let socket = "host={socket} hostaddr=''";
    let owner = turn.owner();
    alike(&turn, &format!("{socket} requirepeer={owner}"), Plain);
    alike(&turn, &format!("{socket} requirepeer=daemon"), Refused);
    alike(
        &turn,
        &format!("{socket} requirepeer=nobody_of_this_name"),
        Refused,
    );
    alike(&turn, "requirepeer=daemon", Tls);
    let outcome = turn.onward(&format!("{socket} requirepeer=daemon"));
    outcome.exits(4);
    assert!(
        outcome
            .stderr
            .contains("requirepeer=daemon, but the server runs as user number "),
        "{outcome}"
    );
}

#[test]
fn direct_tls_needs_a_server_that_knows_it() {
    let turn = Turn::modern("good");
    let direct = "sslnegotiation=direct sslmode";
    for (settings, expected) in [
        (format!("{direct}=require"), Tls),
        (format!("{direct}=verify-full sslrootcert={{}}ca.crt"), Tls),
        (
            format!("{direct}=verify-full sslrootcert={{}}other.crt"),
            Refused,
        ),
        (
            format!("{direct}=require user=scram password=secret channel_binding=require"),
            Tls,
        ),
        ("sslnegotiation=postgres".to_owned(), Tls),
    ] {
        let (way, outcome) = turn.way_of_onward(&settings);
        assert_eq!(way, expected, "{settings}\n{outcome}");
    }
    drop(turn);
    let turn = Turn::with("good");
    let outcome = turn.onward(&format!("{direct}=require"));
    outcome.exits(4);
    assert!(
        outcome
            .stderr
            .ends_with("  sslnegotiation=direct needs PostgreSQL 17 or newer; leave it out\n"),
        "{outcome}"
    );
}
