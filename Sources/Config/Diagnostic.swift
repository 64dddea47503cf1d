// What is wrong with a configuration, told as a compiler would: the place, the mistake, the line with
// a caret under it, and what to do about it.
//
// A diagnostic holds text only; the values of variables and literal secrets never get into it, because
// its line comes from `SourceMap.excerpt` and messages quote `Argument.written`. The log collects all
// mistakes of a configuration, not the first; it is used by one thread at start or on reload.

/// How bad it is.
public enum Severity: UInt8, Sendable {
  /// The configuration can't be used.
  case error
  /// It can, and the operator ought to know.
  case warning

  /// The word that is printed.
  public var name: String {
    switch self {
    case .error: "error"
    case .warning: "warning"
    }
  }
}

/// One mistake at one place.
public struct Diagnostic: Sendable, Equatable {
  /// How bad it is.
  public let severity: Severity
  /// The file's name as shown; the whole program's trouble names the main file.
  public let file: String
  /// The line, from 1; 0 when the file as a whole is meant.
  public let line: Int
  /// The column in characters, from 1; 0 when the file as a whole is meant.
  public let column: Int
  /// What is wrong, in one sentence without a full stop.
  public let message: String
  /// The offending line, secrets replaced; empty when the file as a whole is meant.
  public let sourceLine: String
  /// Characters before the caret, and how many are marked.
  public let caret: (column: Int, count: Int)
  /// What to do, or nil.
  public let hint: String?

  /// Equal in everything that is printed.
  public static func == (left: Diagnostic, right: Diagnostic) -> Bool {
    left.rendered == right.rendered
  }

  /// The lines to print, each ended.
  ///
  ///     gateway.conf:12:5: error: unknown directive "lifetim"
  ///        12 |     lifetim 15m;
  ///           |     ^~~~~~~
  ///           = did you mean "lifetime"?
  public var rendered: String {
    var out = file
    if line > 0 { out += ":\(line):\(column)" }
    out += ": \(severity.name): \(message)\n"
    let number = String(line)
    let padding = String(repeating: " ", count: Swift.max(0, 5 - number.count))
    if line > 0 {
      out += "\(padding)\(number) | \(sourceLine)\n"
      // Tabs are kept, so that the caret stands under its word however wide they are.
      let lead: [Character] = sourceLine.prefix(caret.column).map { $0 == "\t" ? $0 : " " }
      let tildes = String(repeating: "~", count: Swift.max(0, caret.count - 1))
      out += "      | " + String(lead) + "^" + tildes + "\n"
    }
    if let hint { out += "      = \(hint)\n" }
    return out
  }
}

/// Collects the diagnostics of one configuration, in the order found.
public final class DiagnosticLog {
  /// Diagnostics kept; more are counted only.
  public static let countMaximum = 100

  private let map = SourceMap()
  private var pending: [Pending] = []
  private var droppedCount = 0
  private var errorTotal = 0

  private struct Pending {
    let severity: Severity
    let span: SourceSpan?
    let file: String
    let message: String
    let hint: String?
  }

  /// An empty log.
  public init() {}

  /// The texts that spans point into.
  var sources: SourceMap { map }

  /// Number of errors, those past the bound included.
  public var errorCount: Int { errorTotal }
  /// True when the configuration can't be used.
  public var hasErrors: Bool { errorTotal > 0 }

  /// Reports a mistake at a place.
  public func error(_ message: String, at span: SourceSpan, hint: String? = nil) {
    add(Pending(severity: .error, span: span, file: span.file, message: message, hint: hint))
  }

  /// Reports something that works and ought to be known.
  public func warning(_ message: String, at span: SourceSpan, hint: String? = nil) {
    add(Pending(severity: .warning, span: span, file: span.file, message: message, hint: hint))
  }

  /// Reports a mistake of a file as a whole; shown at its first line when it could be read.
  public func error(_ message: String, inFile file: String, hint: String? = nil) {
    add(Pending(severity: .error, span: nil, file: file, message: message, hint: hint))
  }

  private func add(_ entry: Pending) {
    if entry.severity == .error { errorTotal += 1 }
    guard pending.count < Self.countMaximum else {
      droppedCount += 1
      return
    }
    pending.append(entry)
  }

  /// Everything reported, by file in the order read and then by place. Lines are cut out here, when
  /// all that must stay hidden is known.
  public var diagnostics: [Diagnostic] {
    let sorted = pending.enumerated().sorted { left, right in
      let one = order(left.element)
      let two = order(right.element)
      if one.file != two.file { return one.file < two.file }
      if one.offset != two.offset { return one.offset < two.offset }
      return left.offset < right.offset
    }
    return sorted.map { make($0.element) }
  }

  /// All diagnostics as text, with a last line when some were left out.
  public var rendered: String {
    var out = diagnostics.map(\.rendered).joined()
    if droppedCount > 0 { out += "… and \(droppedCount) more\n" }
    return out
  }

  private func order(_ entry: Pending) -> (file: Int, offset: Int) {
    guard let span = entry.span else {
      return (map.files.firstIndex { $0.name == entry.file } ?? -1, -1)
    }
    return (span.fileIndex, span.range.lower)
  }

  private func make(_ entry: Pending) -> Diagnostic {
    let whole = map.files.firstIndex { $0.name == entry.file }.map { map.span($0, 0, 0) }
    guard let span = entry.span ?? whole else {
      return Diagnostic(
        severity: entry.severity, file: entry.file, line: 0, column: 0, message: entry.message,
        sourceLine: "", caret: (0, 1), hint: entry.hint)
    }
    let excerpt = map.excerpt(span)
    return Diagnostic(
      severity: entry.severity, file: span.file, line: span.line, column: span.column,
      message: entry.message, sourceLine: excerpt.text,
      caret: (excerpt.caretColumn, excerpt.caretCount), hint: entry.hint)
  }
}
