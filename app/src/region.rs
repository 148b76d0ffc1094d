//! Where in the world a user's object is to be: the location hints of Durable Objects.

use std::fmt;

use serde::{Deserialize, Serialize};

/// See <https://developers.cloudflare.com/durable-objects/reference/data-location/>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// Western North America.
    Wnam,
    /// Eastern North America.
    Enam,
    /// South America.
    Sam,
    /// Western Europe.
    Weur,
    /// Eastern Europe.
    Eeur,
    /// Asia and the Pacific.
    Apac,
    /// Oceania.
    Oc,
    /// Africa.
    Afr,
    /// The Middle East.
    Me,
}

/// Countries of Europe that are nearer to Warsaw than to Frankfurt, and of Asia that are in the
/// Middle East.
const EASTERN_EUROPE: &str =
    "AL BA BG BY CY CZ EE FI GE GR HR HU LT LV MD ME MK PL RO RS RU SI SK TR UA XK";
const MIDDLE_EAST: &str = "AE BH IL IQ IR JO KW LB OM PS QA SA SY YE";
/// Degrees of longitude between the halves of North America.
const HALVES: f64 = -100.0;

impl Region {
    const EVERY: [Self; 9] = [
        Self::Wnam,
        Self::Enam,
        Self::Sam,
        Self::Weur,
        Self::Eeur,
        Self::Apac,
        Self::Oc,
        Self::Afr,
        Self::Me,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Wnam => "wnam",
            Self::Enam => "enam",
            Self::Sam => "sam",
            Self::Weur => "weur",
            Self::Eeur => "eeur",
            Self::Apac => "apac",
            Self::Oc => "oc",
            Self::Afr => "afr",
            Self::Me => "me",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|region| region.name() == name)
    }

    /// The region of a request, as `request.cf` tells where it comes from: a continent of two
    /// letters, a country of two letters, degrees of longitude. Whoever comes from nowhere that is
    /// known, such as Tor, is taken for a European.
    pub fn of(continent: &str, country: &str, longitude: Option<f64>) -> Self {
        let is_in = |countries: &str| countries.split(' ').any(|one| one == country);
        match continent {
            "NA" if longitude.is_some_and(|degrees| degrees < HALVES) => Self::Wnam,
            "NA" => Self::Enam,
            "SA" => Self::Sam,
            "AF" => Self::Afr,
            "OC" => Self::Oc,
            "AS" | "EU" if is_in(EASTERN_EUROPE) => Self::Eeur,
            "AS" if is_in(MIDDLE_EAST) => Self::Me,
            "AS" => Self::Apac,
            _ => Self::Weur,
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_has_an_object_near_by() {
        let of = |continent, country, longitude| Region::of(continent, country, longitude).name();
        assert_eq!(of("NA", "US", Some(-122.4)), "wnam");
        assert_eq!(of("NA", "US", Some(-74.0)), "enam");
        assert_eq!(of("NA", "CA", None), "enam");
        assert_eq!(of("SA", "BR", Some(-46.6)), "sam");
        assert_eq!(of("EU", "DE", Some(13.4)), "weur");
        assert_eq!(of("EU", "PL", Some(21.0)), "eeur");
        assert_eq!(of("AS", "TR", Some(32.9)), "eeur");
        assert_eq!(of("AS", "JP", Some(139.7)), "apac");
        assert_eq!(of("AS", "AE", Some(55.3)), "me");
        assert_eq!(of("AF", "KE", Some(36.8)), "afr");
        assert_eq!(of("OC", "NZ", Some(174.8)), "oc");
        assert_eq!(of("T1", "T1", None), "weur");
        assert_eq!(of("", "", None), "weur");
    }

    #[test]
    fn a_region_has_one_name() {
        for region in Region::EVERY {
            assert_eq!(Region::named(region.name()), Some(region));
            let json = serde_json::to_string(&region).unwrap();
            assert_eq!(json, format!("\"{region}\""));
        }
        assert_eq!(Region::named("moon"), None);
    }
}
