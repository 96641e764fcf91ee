//! The patterns and the user agents.

/// One a line, as the data's authors wrote them.
const PATTERNS: &str = include_str!("../workloads/data/crawlers/patterns.txt");
const USER_AGENTS: &str = include_str!("../workloads/data/crawlers/user-agents.txt");

/// The first `most` patterns.
pub(crate) fn patterns(most: usize) -> impl Iterator<Item = &'static str> {
    PATTERNS.lines().take(most)
}

/// All user agents.
pub(crate) fn user_agents() -> Vec<&'static str> {
    USER_AGENTS.lines().collect()
}

/// A pattern that every user agent has to be read for: the words that crawlers are known by, in any case,
/// each within a word.
pub(crate) const CRAWLER: &str = r"(?i)\b\w*(?:bot|crawl|spider|fetch|scan|monitor)\w*\b";
