//! The values that options can have: each a type that holds only what is allowed.

use std::str::FromStr;
use std::time::Duration;

/// What `--highAvailability` asks the node to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HighAvailability {
    /// A plane of one, which no other node can join.
    Disabled,
    /// Master if there is none, else hot standby.
    Auto,
    /// Master, or an error if there is one.
    Master,
    /// Lukewarm standby, or an error if there is no master.
    Standby,
    /// Hot standby, or an error if there is no master.
    HotStandby,
    /// Follows the state and is never master.
    HotBackup,
}

impl HighAvailability {
    /// All of them, in the order of the help text.
    pub(crate) const ALL: [Self; 6] = [
        Self::Disabled,
        Self::Auto,
        Self::Master,
        Self::Standby,
        Self::HotStandby,
        Self::HotBackup,
    ];

    /// The name on the command line: `hot_standby`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Auto => "auto",
            Self::Master => "master",
            Self::Standby => "standby",
            Self::HotStandby => "hot_standby",
            Self::HotBackup => "hot_backup",
        }
    }

    /// The name on the wire and in messages: `HOT_STANDBY`.
    pub(crate) fn wire_name(self) -> &'static str {
        match self {
            Self::Disabled => "DISABLED",
            Self::Auto => "AUTO",
            Self::Master => "MASTER",
            Self::Standby => "STANDBY",
            Self::HotStandby => "HOT_STANDBY",
            Self::HotBackup => "HOT_BACKUP",
        }
    }

    /// Reads a name of the command line. Lower case only, and no alias, as Brooklyn does.
    pub(crate) fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// What `--persist` says about state that is, or is not, there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Persist {
    /// Use what is there, else begin.
    Auto,
    /// Use what is there; nothing there is an error.
    Rebind,
    /// Begin anew; a live plane there is an error.
    Clean,
    /// Keep nothing.
    Disabled,
}

impl Persist {
    /// All of them, in the order of the help text.
    pub(crate) const ALL: [Self; 4] = [Self::Auto, Self::Rebind, Self::Clean, Self::Disabled];

    /// The name on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Rebind => "rebind",
            Self::Clean => "clean",
            Self::Disabled => "disabled",
        }
    }

    /// Reads a name of the command line.
    pub(crate) fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|persist| persist.as_str() == text)
    }
}

/// Which port to listen on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Port {
    /// This one, or an error. 0 stands for any that the system picks.
    Exactly(u16),
    /// The first free one from here upward.
    FirstFreeFrom(u16),
}

impl FromStr for Port {
    type Err = String;

    /// Reads `8081`, or `8081+` for the first free one from there upward.
    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, upward) = text
            .strip_suffix('+')
            .map_or((text, false), |digits| (digits, true));
        let number = digits
            .parse::<u16>()
            .ok()
            .filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
        match number {
            Some(0) if upward => {
                Err("write `0` for any free port, or `8081+` for the first free one from 8081".into())
            }
            Some(number) if upward => Ok(Self::FirstFreeFrom(number)),
            Some(number) => Ok(Self::Exactly(number)),
            None => Err("a port is a number from 0 to 65535; `8081+` is the first free one from 8081".into()),
        }
    }
}

/// Reads `3s`, `500ms`, `1m`, `1h`, `1d`, or a bare number of milliseconds. At most a day.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, LONGEST_DURATION)
}

/// The same, of at most so long.
pub(crate) fn parse_duration_within(text: &str, longest: Duration) -> Result<Duration, String> {
    let wrong = || {
        "a duration is a whole number with ms, s, m, h or d (a bare number means ms): 500ms, 3s, 1m"
            .to_owned()
    };
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit_at);
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let ms_each: u64 = match unit {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    match number.checked_mul(ms_each).map(Duration::from_millis) {
        Some(duration) if duration <= longest => Ok(duration),
        _ if longest == LONGEST_DURATION => Err("this can be a day at most".into()),
        _ => Err(format!("this can be {} days at most", longest.as_secs() / 86_400)),
    }
}

/// Longer than any poll or lease that makes sense, and far from overflow in sums of some of them.
const LONGEST_DURATION: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_a_bare_number_is_milliseconds() {
        let ms = |text| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(ms("3s"), Ok(3_000));
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("3000"), Ok(3_000));
        assert_eq!(ms("1m"), Ok(60_000));
        assert_eq!(ms("24h"), Ok(86_400_000));
        assert_eq!(ms("1d"), Ok(86_400_000));
        for bad in [
            "",
            "s",
            "-3s",
            "3 s",
            "3sec",
            "1.5s",
            "99999999999999999999",
            "25h",
            "2d",
            "18446744073709551615h",
            "٣s",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_port_is_a_number_or_a_number_and_upward() {
        assert_eq!("8081".parse(), Ok(Port::Exactly(8081)));
        assert_eq!("0".parse(), Ok(Port::Exactly(0)));
        assert_eq!("8081+".parse(), Ok(Port::FirstFreeFrom(8081)));
        for bad in ["", "+", "+80", "-1", "65536", "eighty", "80 ", "0+"] {
            assert!(bad.parse::<Port>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_of_modes_are_lower_case_without_alias() {
        assert!(
            HighAvailability::ALL
                .into_iter()
                .all(|m| HighAvailability::named(m.as_str()) == Some(m))
        );
        assert!(
            Persist::ALL
                .into_iter()
                .all(|p| Persist::named(p.as_str()) == Some(p))
        );
        for bad in ["HOT_STANDBY", "hot-standby", "hot", "none", " auto", ""] {
            assert_eq!(HighAvailability::named(bad), None, "{bad:?}");
        }
    }
}
