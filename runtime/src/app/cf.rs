//! What Cloudflare knows about a request.

use serde::{Deserialize, Deserializer, Serialize};

/// The properties that Cloudflare adds to a request: where it comes from, and its connection.
///
/// All of them are empty if the platform does not know them. Natively they are empty unless
/// [`ServerOptions::cf`](crate::ServerOptions::cf) or a test sets them.
///
/// <https://developers.cloudflare.com/workers/runtime-apis/request/#incomingrequestcfproperties>
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Cf {
    /// The country of the client, such as `DE`; `T1` for Tor.
    pub country: Option<String>,
    /// The continent of the client, such as `EU`.
    pub continent: Option<String>,
    /// Whether the country is a member of the European Union.
    #[serde(rename = "isEUCountry", deserialize_with = "flag")]
    pub is_eu_country: bool,
    /// The city of the client.
    pub city: Option<String>,
    /// The region of the client, such as `Texas`.
    pub region: Option<String>,
    /// The code of the region, such as `TX`.
    pub region_code: Option<String>,
    /// The postal code of the client.
    pub postal_code: Option<String>,
    /// The latitude of the client in degrees.
    #[serde(deserialize_with = "degrees")]
    pub latitude: Option<f64>,
    /// The longitude of the client in degrees.
    #[serde(deserialize_with = "degrees")]
    pub longitude: Option<f64>,
    /// The time zone of the client, such as `Europe/Berlin`.
    pub timezone: Option<String>,
    /// The code of the Cloudflare location that serves the request, such as `FRA`.
    pub colo: Option<String>,
    /// The number of the autonomous system of the client.
    pub asn: Option<u32>,
    /// The name of the autonomous system of the client.
    pub as_organization: Option<String>,
    /// The protocol of the connection, such as `HTTP/2`.
    pub http_protocol: Option<String>,
    /// The version of TLS, such as `TLSv1.3`.
    pub tls_version: Option<String>,
    /// The cipher of TLS.
    pub tls_cipher: Option<String>,
    /// The round-trip time between the client and Cloudflare in milliseconds.
    pub client_tcp_rtt: Option<u32>,
}

/// Reads a flag, which the platform writes as `"1"`.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value == "1" || value == true)
}

/// Reads degrees, which the platform writes as text.
fn degrees<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::Cf;

    #[test]
    fn the_properties_of_the_platform_are_read() {
        let json = r#"{"country":"DE","isEUCountry":"1","latitude":"50.11","asn":3320,
            "colo":"FRA","tlsClientAuth":{"certPresented":"0"}}"#;
        let cf: Cf = serde_json::from_str(json).unwrap_or_default();
        assert_eq!(cf.country.as_deref(), Some("DE"));
        assert_eq!(
            (cf.asn, cf.latitude, cf.is_eu_country),
            (Some(3320), Some(50.11), true)
        );
        assert_eq!(cf.city, None);
    }
}
