//! What of the page is asked for: `?target=NAME`, `?all`, `?refresh=SECONDS`.

use url::form_urlencoded;

/// A query. What is not understood is left out: a page is better than an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// One target alone.
    pub(crate) target: Option<String>,
    /// Every row, however many.
    pub(crate) all: bool,
    /// After how many seconds the browser loads the page again.
    pub(crate) refresh: Option<u32>,
}

/// More often would load nothing new and only the machine; more seldom is as good as never.
const REFRESH: std::ops::RangeInclusive<u32> = 5..=3600;

impl View {
    pub(crate) fn read(query: Option<&str>) -> Self {
        let mut view = Self::default();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match key.as_ref() {
                "target" => view.target = Some(value.into_owned()),
                "all" => view.all = true,
                "refresh" => {
                    let seconds: Option<u32> = value.parse().ok().filter(|seconds| *seconds > 0);
                    view.refresh = seconds.map(|seconds| seconds.clamp(*REFRESH.start(), *REFRESH.end()));
                }
                _ => {}
            }
        }
        view
    }

    /// Where this view is found.
    pub(super) fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(target) = &self.target {
            query.append_pair("target", target);
        }
        if self.all {
            query.append_key_only("all");
        }
        if let Some(seconds) = self.refresh {
            query.append_pair("refresh", &seconds.to_string());
        }
        match query.finish().as_str() {
            "" => "/".to_owned(),
            query => format!("/?{query}"),
        }
    }

    pub(super) fn of(&self, target: Option<&str>) -> Self {
        Self {
            target: target.map(ToOwned::to_owned),
            ..self.clone()
        }
    }

    pub(super) fn with_all(&self) -> Self {
        Self {
            all: true,
            ..self.clone()
        }
    }

    pub(super) fn refreshing(&self, refresh: Option<u32>) -> Self {
        Self {
            refresh,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_and_written() {
        let view = View::read(Some("target=node-1&all&refresh=30&other=1"));
        assert_eq!(
            view,
            View {
                target: Some("node-1".to_owned()),
                all: true,
                refresh: Some(30)
            }
        );
        assert_eq!(view.address(), "/?target=node-1&all&refresh=30");
        assert_eq!(View::default().address(), "/");
    }

    #[test]
    fn reloading_is_kept_within_sane_bounds() {
        let refresh = |text: &str| View::read(Some(text)).refresh;
        assert_eq!(refresh("refresh=1"), Some(5));
        assert_eq!(refresh("refresh=4000000000"), Some(3600));
        assert_eq!(refresh("refresh=99999999999999"), None);
        assert_eq!(refresh("refresh=0"), None);
        assert_eq!(refresh("refresh=-1;url=http://elsewhere"), None);
        assert_eq!(refresh("refresh"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_read_and_its_address_reads_the_same(query in ".*") {
            let view = View::read(Some(&query));
            let address = view.address();
            assert_eq!(View::read(address.split_once('?').map(|(_, query)| query)), view);
        }
    }
}
