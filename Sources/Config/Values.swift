// Arguments to values with units: durations, sizes, rates, switches, numbers, words, addresses.
//
// Every reader answers nil after a report and never a guess; nil without a report when the argument
// was found broken before. All arithmetic is checked, because a number may have any length.

import Bytes

/// So many in so long.
public struct Rate: Sendable, Equatable {
  /// How many, at least 1.
  public let count: Int
  /// Length of the period.
  public let periodMilliseconds: Int
}

/// An address as a configuration writes it.
public enum ConfigAddress: Sendable, Equatable {
  /// A host name or numeric address without brackets.
  case host(String, port: UInt16)
  /// `unix:PATH`, the path as written.
  case unix(path: String)
}

extension Argument {
  /// Milliseconds of `250ms`, `30s`, `15m`, `12h`, `7d` or a bare number of seconds.
  public func duration(
    _ log: DiagnosticLog, in bounds: ClosedRange<Int> = 0...ConfigValue.durationMaximum
  ) -> Int? {
    guard isUsable else { return nil }
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
    guard let value = scaled(units, bare: 1000) else {
      return refuse(log, "is not a duration", "write 250ms, 30s, 15m, 12h or 7d")
    }
    guard bounds.contains(value) else {
      let (lower, upper) = (
        ConfigValue.text(milliseconds: bounds.lowerBound),
        ConfigValue.text(milliseconds: bounds.upperBound)
      )
      return refuse(log, "is out of range", "from \(lower) to \(upper)")
    }
    return value
  }

  /// A duration, or 0 for `off`.
  public func durationOrOff(
    _ log: DiagnosticLog, in bounds: ClosedRange<Int> = 1...ConfigValue.durationMaximum
  ) -> Int? {
    isUsable && text == "off" ? 0 : duration(log, in: bounds)
  }

  /// Bytes of `512`, `16k`, `1m` or `2g`.
  public func size(
    _ log: DiagnosticLog, in bounds: ClosedRange<Int> = 0...ConfigValue.sizeMaximum
  ) -> Int? {
    guard isUsable else { return nil }
    guard let value = scaled([("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30)], bare: 1) else {
      return refuse(log, "is not a size", "write 512, 16k, 1m or 2g")
    }
    guard bounds.contains(value) else {
      let (lower, upper) = (
        ConfigValue.text(bytes: bounds.lowerBound), ConfigValue.text(bytes: bounds.upperBound)
      )
      return refuse(log, "is out of range", "from \(lower) to \(upper)")
    }
    return value
  }

  /// `10/s`, `5/min`, `100/h` or `1000/d`.
  public func rate(_ log: DiagnosticLog) -> Rate? {
    guard isUsable else { return nil }
    let periods = ["s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000]
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let period = periods[String(parts[1])],
      let count = ConfigValue.number(Array(parts[0].utf8))
    else { return refuse(log, "is not a rate", "write 10/s, 5/min, 100/h or 1000/d") }
    guard (1...1_000_000).contains(count) else {
      return refuse(log, "is out of range", "from 1 to 1000000 in a period")
    }
    return Rate(count: count, periodMilliseconds: period)
  }

  /// The first second, since 1970, after a day of UTC written `2026-11-30`.
  public func endOfDay(_ log: DiagnosticLog) -> Int64? {
    guard isUsable else { return nil }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Array($0.utf8) }
    guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
      let year = ConfigValue.number(parts[0]), let month = ConfigValue.number(parts[1]),
      let day = ConfigValue.number(parts[2]), year >= 1970,
      let start = ConfigValue.daysSince1970(year: year, month: month, day: day)
    else { return refuse(log, "is not a day", "write it like 2026-11-30") }
    return Int64(start + 1) * 86_400
  }

  /// `on` or `off`.
  public func flag(_ log: DiagnosticLog) -> Bool? {
    word(log, [("on", true), ("off", false)])
  }

  /// A whole number in decimal digits.
  public func number(_ log: DiagnosticLog, in bounds: ClosedRange<Int>) -> Int? {
    guard isUsable else { return nil }
    guard let value = ConfigValue.number(bytes) else {
      return refuse(log, "is not a number", "digits only")
    }
    guard bounds.contains(value) else {
      return refuse(log, "is out of range", "from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return value
  }

  /// One of a closed list of words; `meant` holds words that are none of them and what is meant.
  public func word<Value>(
    _ log: DiagnosticLog, _ choices: [(String, Value)], meant: [String: String] = [:]
  ) -> Value? {
    guard isUsable else { return nil }
    let text = text
    if let choice = choices.first(where: { $0.0 == text }) { return choice.1 }
    let names = choices.map(\.0)
    let list = names.joined(separator: ", ")
    // What a variable holds is not compared aloud: nearness would tell something of it.
    guard variables.isEmpty else { return refuse(log, "is not one of \(list)", nil) }
    let longer = names.filter { $0.hasPrefix(text + "-") }
    let near =
      meant[text].map { "for \(text) write \($0)" } ?? Spelling.suggestion(for: text, among: names)
      ?? (longer.count == 1 ? "did you mean \"\(longer[0])\"?" : nil)
    return refuse(log, "is not one of \(list)", near)
  }

  /// `HOST:PORT`, `[V6]:PORT` or `unix:PATH`; a listener may say port 0.
  public func address(_ log: DiagnosticLog, forListening: Bool) -> ConfigAddress? {
    guard isUsable else { return nil }
    let example = forListening ? "127.0.0.1:8080" : "127.0.0.1:5000"
    let hint = "write \(example), [::1]:8080 or unix:PATH"
    let text = text
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      // sun_path holds 108 bytes, the last of them 0.
      guard !path.isEmpty, path.utf8.count <= 107, !path.utf8.contains(0) else {
        return refuse(log, "is not a socket's path", "unix:PATH, at most 107 bytes")
      }
      return .unix(path: path)
    }
    if text.holds("://") {
      return refuse(log, "is a URL, and an address is needed", hint)
    }
    guard let colon = text.lastIndex(of: ":") else {
      return refuse(log, "has no port", hint)
    }
    var host = String(text[..<colon])
    let digits = Array(text[text.index(after: colon)...].utf8)
    guard let port = ConfigValue.number(digits), port <= 65_535, forListening || port > 0 else {
      return refuse(log, "has no port from \(forListening ? 0 : 1) to 65535", hint)
    }
    if host.hasPrefix("["), host.hasSuffix("]"), host.utf8.count > 2 {
      host = String(host.dropFirst().dropLast())
      guard host.contains(":"), host.utf8.allSatisfy(ConfigValue.isV6Byte) else {
        return refuse(log, "is not an IPv6 address", hint)
      }
    } else if forListening, host.isEmpty || host == "*" {
      return refuse(log, "names no address", "write 0.0.0.0:\(port) for every IPv4 address")
    } else if host.isEmpty || !host.utf8.allSatisfy(ConfigValue.isHostByte) {
      return refuse(log, "is not an address", hint)
    }
    return .host(host, port: UInt16(port))
  }

  /// Reports that this argument is wrong; nil, for the reader to return.
  public func refuse<Value>(_ log: DiagnosticLog, _ what: String, _ hint: String?) -> Value? {
    guard isUsable else { return nil }
    var hint = hint
    if let name = variables.first {
      hint = (hint.map { $0 + "; " } ?? "") + "its value comes from the variable \(name)"
    }
    log.error("\(quotedForMessage) \(what)", at: span, hint: hint)
    return nil
  }

  /// The argument as written, in quotes unless it brings its own.
  public var quotedForMessage: String { isQuoted ? written : "\"\(written)\"" }

  /// Digits and a unit to a number; nil when it is neither or doesn't fit.
  private func scaled(_ units: [(name: String, factor: Int)], bare: Int) -> Int? {
    let digits = bytes.prefix { $0 &- UInt8(ascii: "0") < 10 }
    guard let count = ConfigValue.number(Array(digits)) else { return nil }
    let unit = Array(bytes.dropFirst(digits.count))
    var factor = bare
    if !unit.isEmpty {
      guard let known = units.first(where: { Array($0.name.utf8) == unit }) else { return nil }
      factor = known.factor
    }
    let (value, overflow) = count.multipliedReportingOverflow(by: factor)
    return overflow ? nil : value
  }
}

/// Bounds of values and their texts.
public enum ConfigValue {
  /// Ten years; longer is a slip.
  public static let durationMaximum = 3650 * 86_400_000
  /// One TiB; longer is a slip.
  public static let sizeMaximum = 1 << 40

  /// A duration in its largest whole unit: `15m`.
  public static func text(milliseconds value: Int) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
    for (name, factor) in units where value >= factor && value % factor == 0 {
      return "\(value / factor)\(name)"
    }
    return "\(value)ms"
  }

  /// A size in its largest whole unit: `16k`.
  public static func text(bytes value: Int) -> String {
    for (name, factor) in [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)]
    where value >= factor && value % factor == 0 {
      return "\(value / factor)\(name)"
    }
    return "\(value)"
  }

  /// Days from 1970-01-01 to a day of the Gregorian calendar, nil when there is no such day.
  static func daysSince1970(year: Int, month: Int, day: Int) -> Int? {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard lengths.indices.contains(month - 1), (1...lengths[month - 1]).contains(day) else {
      return nil
    }
    // Leap days of the whole years before this one, counted from year 1 and from 1970.
    func leapDays(_ year: Int) -> Int { year / 4 - year / 100 + year / 400 }
    let years = (year - 1970) * 365 + leapDays(year - 1) - leapDays(1969)
    return years + lengths[..<(month - 1)].reduce(0, +) + day - 1
  }

  /// One or more digits that fit an `Int`.
  static func number(_ bytes: [UInt8]) -> Int? {
    bytes.span.decimalValue()
  }

  static func isV6Byte(_ byte: UInt8) -> Bool {
    byte.hexadecimalDigitValue != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
  }

  static func isHostByte(_ byte: UInt8) -> Bool {
    byte.isASCIIAlphanumeric || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
      || byte == UInt8(ascii: "_")
  }
}

extension String {
  /// True when the text holds a fragment: byte by byte, without the machinery of patterns.
  public func holds(_ fragment: String) -> Bool {
    let text = Array(utf8)
    let wanted = Array(fragment.utf8)
    guard text.count >= wanted.count else { return false }
    return (0...(text.count - wanted.count)).contains { start in
      text[start..<(start + wanted.count)].elementsEqual(wanted)
    }
  }
}
