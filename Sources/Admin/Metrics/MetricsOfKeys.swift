// The metrics of every key: how much it is used, and whether an old one may go.
//
// A key is told by realm, class, algorithm and names, and place in the settings. Keys of one file that
// have no name and one algorithm are told apart by a number, because two samples with the same labels
// make a scrape void. Pure.

import Tokens

/// One sample row for each key and class.
struct MetricsOfKeys {
  private struct Row {
    let report: KeyReport
    let labels: MetricLabels
  }

  private let rows: [Row]
  private let nowSeconds: Int64

  init(realms: [Realm], nowSeconds: Int64) {
    self.nowSeconds = nowSeconds
    var seen: [String: Int] = [:]
    rows = realms.flatMap { realm in
      realm.keyReports.map { report in
        let tokenClass = report.tokenClass.name.description
        var key = String(report.key.prefix(MetricsText.labelCharactersMaximum / 2))
        let name = "\(realm.name) \(tokenClass) \(report.place) \(key)"
        let number = seen[name, default: 0] + 1
        seen[name] = number
        if number > 1 { key += " #\(number)" }
        return Row(
          report: report,
          labels: [
            "realm": realm.name, "class": tokenClass, "key": key, "place": report.place,
          ])
      }
    }
  }

  /// Adds the families.
  func add(to text: inout MetricsText) {
    text.family("gateway_key_tokens_total", .counter, "Tokens that a key verified.")
    for row in rows { text.sample(row.report.count, row.labels) }
    add(
      "gateway_key_last_use_timestamp_seconds",
      "When a key last verified a token; absent if not since the start.", to: &text
    ) { $0.lastUse }
    add(
      "gateway_key_newest_token_expiration_timestamp_seconds",
      "When the newest token that a key verified expires.", to: &text
    ) { $0.newestExpiration }
    add(
      "gateway_key_end_timestamp_seconds", "When a previous secret ceases to count.", to: &text
    ) { $0.end }
    add(
      "gateway_key_safe_to_drop",
      "1 when no token of a previous secret can be alive; 0 while it can, or nobody knows.",
      to: &text
    ) { report in
      report.drop(nowSeconds: nowSeconds).map { $0 == .safe ? 1 : 0 }
    }
    text.family(
      "gateway_key_drop_verdict", .gauge, "Why a previous secret may or may not be dropped; 1.")
    for row in rows {
      guard let verdict = row.report.drop(nowSeconds: nowSeconds) else { continue }
      text.sample(1, row.labels.and("verdict", verdict.name.description))
    }
  }

  /// A family with a sample for each key that has a value.
  private func add(
    _ name: StaticString, _ help: StaticString, to text: inout MetricsText,
    _ value: (KeyReport) -> Int64?
  ) {
    text.family(name, .gauge, help)
    for row in rows {
      if let value = value(row.report) { text.sample(value, row.labels) }
    }
  }
}
