//! Content negotiation (RFC 9110, section 12.5.1; GraphQL over HTTP, section 6).

use http::{HeaderMap, header};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`
    GraphqlResponse,
    /// `application/json`, where every well-formed request is 200.
    Json,
    /// `text/event-stream`
    EventStream,
    /// `multipart/mixed`
    Multipart,
}

impl Media {
    pub(super) fn is_stream(self) -> bool {
        matches!(self, Self::EventStream | Self::Multipart)
    }

    fn full_name(self) -> (&'static str, &'static str) {
        match self {
            Self::GraphqlResponse => ("application", "graphql-response+json"),
            Self::Json => ("application", "json"),
            Self::EventStream => ("text", "event-stream"),
            Self::Multipart => ("multipart", "mixed"),
        }
    }
}

/// The media types a client takes.
#[derive(Debug)]
pub(super) struct Accept {
    ranges: Vec<Range>,
}

#[derive(Debug)]
struct Range {
    kind: String,
    subtype: String,
    /// In thousandths.
    quality: u16,
}

impl Accept {
    /// Without a header, or with nothing readable in it, everything.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let ranges: Vec<Range> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| split_quoted(value, ','))
            .filter_map(range)
            .collect();
        if ranges.is_empty() {
            return Self {
                ranges: vec![Range {
                    kind: "*".into(),
                    subtype: "*".into(),
                    quality: 1000,
                }],
            };
        }
        Self { ranges }
    }

    /// For an answer of one piece: the best of the two JSON types, else a stream of one event.
    pub(super) fn single(&self) -> Option<Media> {
        let json = self.best([Media::Json, Media::GraphqlResponse]);
        let stream = self.best([Media::EventStream, Media::Multipart]);
        match (json, stream) {
            // Only what is asked for by name and preferred: `*/*` asks for no stream.
            (Some((json, by_json)), Some((stream, by_stream))) => {
                Some(if by_stream > by_json { stream } else { json })
            }
            (Some((media, _)), None) | (None, Some((media, _))) => Some(media),
            (None, None) => None,
        }
    }

    /// For a subscription.
    pub(super) fn stream(&self) -> Option<Media> {
        self.best([Media::EventStream, Media::Multipart])
            .map(|(media, _)| media)
    }

    /// For a refusal: it is told in JSON even to those who would not take it.
    pub(super) fn refusal(&self) -> Media {
        self.best([Media::Json, Media::GraphqlResponse])
            .map_or(Media::GraphqlResponse, |(media, _)| media)
    }

    /// The one of the highest quality; the one named first among equals; the first of `media` among wildcards.
    fn best<const N: usize>(&self, media: [Media; N]) -> Option<(Media, u16)> {
        media
            .into_iter()
            .enumerate()
            .filter_map(|(rank, media)| {
                let (at, range) = self.most_specific(media)?;
                (range.quality > 0).then_some((media, range.quality, at, rank))
            })
            .min_by_key(|(_, quality, at, rank)| (u16::MAX - quality, *at, *rank))
            .map(|(media, quality, ..)| (media, quality))
    }

    fn most_specific(&self, media: Media) -> Option<(usize, &Range)> {
        let (kind, subtype) = media.full_name();
        let matches = |wanted: (&str, &str)| {
            self.ranges
                .iter()
                .enumerate()
                .find(move |(_, range)| (&*range.kind, &*range.subtype) == wanted)
        };
        matches((kind, subtype))
            .or_else(|| matches((kind, "*")))
            .or_else(|| matches(("*", "*")))
    }
}

fn range(text: &str) -> Option<Range> {
    let mut parts = split_quoted(text, ';').map(str::trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let quality = parts
        .find_map(|parameter| {
            parameter
                .strip_prefix("q=")
                .or_else(|| parameter.strip_prefix("Q="))
        })
        .map_or(Some(1.0), |quality| quality.trim().parse::<f32>().ok())?;
    Some(Range {
        kind: kind.trim().to_ascii_lowercase(),
        subtype: subtype.trim().to_ascii_lowercase(),
        quality: (quality.clamp(0.0, 1.0) * 1000.0).round() as u16,
    })
}

/// Splits where the separator stands outside of quotes.
pub(super) fn split_quoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    text.split(move |c: char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            _ => {}
        }
        c == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> Accept {
        let mut headers = HeaderMap::new();
        if !value.is_empty() {
            headers.insert(header::ACCEPT, value.parse().unwrap());
        }
        Accept::of(&headers)
    }

    #[test]
    fn quality_then_order_then_our_own_choice_decide() {
        use Media::*;
        for (value, single, stream) in [
            ("", Some(Json), Some(EventStream)),
            ("*/*", Some(Json), Some(EventStream)),
            ("application/*", Some(Json), None),
            ("application/graphql-response+json", Some(GraphqlResponse), None),
            (
                "application/graphql-response+json, application/json;q=0.9",
                Some(GraphqlResponse),
                None,
            ),
            (
                "application/graphql-response+json;q=0.5, application/json",
                Some(Json),
                None,
            ),
            (
                "application/graphql-response+json;q=0, application/json",
                Some(Json),
                None,
            ),
            (
                "*/*, application/json;q=0",
                Some(GraphqlResponse),
                Some(EventStream),
            ),
            ("image/png", None, None),
            ("text/event-stream", Some(EventStream), Some(EventStream)),
            (
                "application/json;q=0.2, text/event-stream",
                Some(EventStream),
                Some(EventStream),
            ),
            (
                "multipart/mixed;boundary=\"graphql\";subscriptionSpec=\"1.0\", application/graphql-response+json",
                Some(GraphqlResponse),
                Some(Multipart),
            ),
            (
                "text/event-stream, multipart/mixed",
                Some(EventStream),
                Some(EventStream),
            ),
        ] {
            assert_eq!(
                (accept(value).single(), accept(value).stream()),
                (single, stream),
                "{value}"
            );
        }
    }

    #[test]
    fn separators_within_quotes_separate_nothing() {
        assert_eq!(
            split_quoted(r#"a;b="x;\";y",c"#, ';').collect::<Vec<_>>(),
            ["a", r#"b="x;\";y",c"#]
        );
    }
}
