// Dates in IMF-fixdate form, the only one a sender may use (RFC 9110 §5.6.7).
//
// No clock here: the caller brings the seconds.

import Bytes

/// Writing dates.
public enum HTTPDate {
  /// Bytes of every date: `Sun, 06 Nov 1994 08:49:37 GMT`.
  public static let byteCount = 29

  /// Appends the date of `epochSeconds` (seconds since 1970-01-01 UTC; clamped to years 1970–9999).
  public static func append(epochSeconds: Int64, to buffer: inout ByteBuffer) {
    let seconds = min(max(epochSeconds, 0), 253_402_300_799)
    let days = Int(seconds / 86_400)
    let clock = Int(seconds % 86_400)
    let date = civilDate(daysSinceEpoch: days)
    // 1970-01-01 was a Thursday.
    buffer.append(weekdays[(days + 4) % 7])
    append(twoDigits: date.day, to: &buffer)
    buffer.append(months[date.month - 1])
    append(twoDigits: date.year / 100, to: &buffer)
    append(twoDigits: date.year % 100, to: &buffer)
    buffer.append(UInt8(ascii: " "))
    append(twoDigits: clock / 3600, to: &buffer)
    buffer.append(UInt8(ascii: ":"))
    append(twoDigits: clock / 60 % 60, to: &buffer)
    buffer.append(UInt8(ascii: ":"))
    append(twoDigits: clock % 60, to: &buffer)
    buffer.append(" GMT")
  }

  private static func append(twoDigits number: Int, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10))
    buffer.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
  }

  /// The Gregorian date of a day count, by eras of 400 years that begin on 1 March, so that the leap
  /// day is the last of its year and needs no special case.
  private static func civilDate(daysSinceEpoch: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = daysSinceEpoch + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static let weekdays: [StaticString] = [
    "Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ",
  ]
  private static let months: [StaticString] = [
    " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ",
    " Nov ", " Dec ",
  ]
}
