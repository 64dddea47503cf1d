// Text for log lines: quoted, escaped and dated without Foundation.

import Bytes

enum LogText {
  /// A JSON string of a text from the configuration: start-up only.
  static func quoted(_ text: String) -> [UInt8] {
    var buffer = ByteBuffer(capacity: text.utf8.count * 6 + 2)
    let bytes = Array(text.utf8)
    appendQuoted(bytes.span, to: &buffer)
    return [UInt8](copying: buffer.readable)
  }

  /// Appends a JSON string. Bytes outside printable ASCII become `\u00XX`, one each: a peer's bytes
  /// need not be UTF-8, and a log line must stay one line of valid JSON (CVE-2024-45808).
  static func appendQuoted(_ bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(ascii: "\""))
    appendEscaped(bytes, to: &buffer)
    buffer.append(UInt8(ascii: "\""))
  }

  /// Appends a request's path as a JSON string, compact tokens in it replaced by `[token]`: links that
  /// confirm an address or reset a password carry one, and more people read logs than may sign in.
  static func appendPath(_ path: Span<UInt8>, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(ascii: "\""))
    var written = 0
    var index = 0
    while let start = path.firstIndex(of: UInt8(ascii: "e"), from: index) {
      index = start + 1
      // The base64url of `{"`.
      guard path.slice(from: start, to: min(start + 3, path.count)).equals("eyJ") else { continue }
      let run = tokenRun(path, from: start)
      // No token begins later in a run that has too few dots: each byte is looked at once.
      index = run.end
      guard run.dots >= 2 else { continue }
      appendEscaped(path.slice(from: written, to: start), to: &buffer)
      buffer.append("[token]")
      written = run.end
    }
    appendEscaped(path.slice(from: written), to: &buffer)
    buffer.append(UInt8(ascii: "\""))
  }

  /// The bytes from `start` on that a token may have: where they end, and how many of them are dots,
  /// plain or escaped.
  private static func tokenRun(_ path: Span<UInt8>, from start: Int) -> (end: Int, dots: Int) {
    var dots = 0
    var end = start
    while end < path.count {
      let byte = path[end]
      if byte == UInt8(ascii: ".") || byte == UInt8(ascii: "%") {
        dots += 1
      } else if !byte.isASCIIAlphanumeric, byte != UInt8(ascii: "-"), byte != UInt8(ascii: "_") {
        break
      }
      end += 1
    }
    return (end, dots)
  }

  private static func appendEscaped(_ bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    var runStart = 0
    for index in 0..<bytes.count {
      let byte = bytes[index]
      let isPlain =
        byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
      if isPlain { continue }
      buffer.append(bytes.slice(from: runStart, to: index))
      buffer.append("\\u00")
      buffer.append(hexadecimal: UInt64(byte), width: 2)
      runStart = index + 1
    }
    buffer.append(bytes.slice(from: runStart))
  }

  /// Appends `2026-11-21T13:05:09.042Z` (RFC 3339, UTC).
  static func appendTime(epochMilliseconds: Int64, to buffer: inout ByteBuffer) {
    let day = floorDivide(epochMilliseconds, 86_400_000)
    let within = Int(epochMilliseconds - day * 86_400_000)
    let date = civil(day)
    append(date.year, digits: 4, to: &buffer)
    buffer.append(UInt8(ascii: "-"))
    append(date.month, digits: 2, to: &buffer)
    buffer.append(UInt8(ascii: "-"))
    append(date.day, digits: 2, to: &buffer)
    buffer.append(UInt8(ascii: "T"))
    append(within / 3_600_000, digits: 2, to: &buffer)
    buffer.append(UInt8(ascii: ":"))
    append(within / 60_000 % 60, digits: 2, to: &buffer)
    buffer.append(UInt8(ascii: ":"))
    append(within / 1000 % 60, digits: 2, to: &buffer)
    buffer.append(UInt8(ascii: "."))
    append(within % 1000, digits: 3, to: &buffer)
    buffer.append(UInt8(ascii: "Z"))
  }

  private static func append(_ number: Int, digits: Int, to buffer: inout ByteBuffer) {
    var scale = 1
    for _ in 1..<digits { scale *= 10 }
    while scale > 0 {
      buffer.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / scale % 10))
      scale /= 10
    }
  }

  /// Year, month and day of a day number since 1970 in the Gregorian calendar: counted in eras of
  /// 400 years (146,097 days) that begin on 1 March, so that the leap day is the last of its year.
  private static func civil(_ day: Int64) -> (year: Int, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (Int(year), Int(month), Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1))
  }

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    value >= 0 ? value / divisor : -((divisor - 1 - value) / divisor)
  }
}
