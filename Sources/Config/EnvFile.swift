// Reads `.env` files, as the backends' own loaders do: `NAME=value`, `export` allowed, `#` comments,
// values bare or in quotes.
//
// Where python-dotenv and node's dotenv read one line differently (a `#` right inside a bare value), the
// line is refused: both backends and the gateway must get the same secret. Nothing is replaced inside
// values. No diagnostic ever shows a value.

import Bytes

/// One environment file's text to names and values.
struct EnvFileReader {
  private let fileIndex: Int
  private let log: DiagnosticLog
  private let bytes: [UInt8]

  /// The variables of a file of the map; mistakes go to the log. A later line wins, as everywhere.
  static func variables(ofFile fileIndex: Int, log: DiagnosticLog) -> [String: [UInt8]] {
    EnvFileReader(
      fileIndex: fileIndex, log: log, bytes: log.sources.files[fileIndex].bytes
    ).run()
  }

  private func run() -> [String: [UInt8]] {
    var variables: [String: [UInt8]] = [:]
    let file = log.sources.files[fileIndex]
    for index in file.lineStarts.indices {
      let bounds = file.lineBounds(index)
      // Everything but the name is hidden from whatever is printed.
      var lower = skipBlanks(from: bounds.lower, to: bounds.upper)
      if index == 0, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { lower = 3 }
      if lower == bounds.upper || bytes[lower] == UInt8(ascii: "#") { continue }
      if let (name, value) = line(from: lower, to: bounds.upper) {
        if variables[name] != nil {
          log.warning(
            "\(name) is set twice; this one counts",
            at: log.sources.span(fileIndex, lower, lower + name.utf8.count))
        }
        variables[name] = value
      }
    }
    return variables
  }

  private func line(from start: Int, to end: Int) -> (String, [UInt8])? {
    var at = start
    let export = Array("export ".utf8)
    if bytes[at..<end].starts(with: export) { at = skipBlanks(from: at + export.count, to: end) }
    let nameStart = at
    while at < end, isNameByte(bytes[at], first: at == nameStart) { at += 1 }
    let nameEnd = at
    at = skipBlanks(from: at, to: end)
    guard nameEnd > nameStart, at < end, bytes[at] == UInt8(ascii: "=") else {
      log.sources.mask(fileIndex, ByteRange(start, end))
      report("this line is not NAME=value", start, end, hint: "comments begin with #")
      return nil
    }
    at += 1
    log.sources.mask(fileIndex, ByteRange(at, end))
    let name = String(decoding: bytes[nameStart..<nameEnd], as: UTF8.self)
    at = skipBlanks(from: at, to: end)
    guard at < end else { return (name, []) }
    let quote = bytes[at]
    if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      return quoted(name, at: at, nameStart: nameStart, to: end).map { (name, $0) }
    }
    return bare(name, from: at, nameStart: nameStart, to: end).map { (name, $0) }
  }

  /// A bare value ends before white space and `#`, or at the end of the line.
  private func bare(_ name: String, from start: Int, nameStart: Int, to end: Int) -> [UInt8]? {
    var upper = end
    for offset in start..<end where bytes[offset] == UInt8(ascii: "#") {
      if offset == start || isBlank(bytes[offset - 1]) {
        upper = offset
        break
      }
      report(
        "the value of \(name) holds a # and is not quoted", nameStart, end,
        hint: "loaders differ about it; write \(name)='…'")
      return nil
    }
    while upper > start, isBlank(bytes[upper - 1]) { upper -= 1 }
    return Array(bytes[start..<upper])
  }

  /// A value in single quotes is taken as it is; in double quotes `\n`, `\"`, `\\` and `\$` are undone.
  private func quoted(_ name: String, at open: Int, nameStart: Int, to end: Int) -> [UInt8]? {
    let quote = bytes[open]
    var value: [UInt8] = []
    var at = open + 1
    while at < end, bytes[at] != quote {
      if quote == UInt8(ascii: "\""), bytes[at] == UInt8(ascii: "\\"), at + 1 < end {
        at += 1
        switch bytes[at] {
        case UInt8(ascii: "n"): value.append(UInt8(ascii: "\n"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "$"): value.append(bytes[at])
        default: value += [UInt8(ascii: "\\"), bytes[at]]
        }
      } else {
        value.append(bytes[at])
      }
      at += 1
    }
    guard at < end else {
      report(
        "the value of \(name) has a quote that is not closed on its line", nameStart, end, hint: nil
      )
      return nil
    }
    let rest = skipBlanks(from: at + 1, to: end)
    guard rest == end || bytes[rest] == UInt8(ascii: "#") else {
      report("the value of \(name) goes on after its closing quote", nameStart, end, hint: nil)
      return nil
    }
    return value
  }

  private func skipBlanks(from start: Int, to end: Int) -> Int {
    var at = start
    while at < end, isBlank(bytes[at]) { at += 1 }
    return at
  }

  private func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }

  private func report(_ message: String, _ lower: Int, _ upper: Int, hint: String?) {
    log.error(message, at: log.sources.span(fileIndex, lower, upper), hint: hint)
  }
}

/// Environment files outside a configuration: a backend's own, for comparing.
public enum EnvironmentFile {
  /// The variables of the file at a path; nil and a report in the log when it can't be read or a line
  /// of it means different things to different loaders.
  public static func variables(
    at path: String, source: ConfigSource, log: DiagnosticLog
  ) -> [String: [UInt8]]? {
    switch source.readFile(path, ConfigLimits.fileBytesMaximum) {
    case .bytes(let bytes):
      let before = log.errorCount
      let index = log.sources.add(name: path, bytes: bytes)
      let variables = EnvFileReader.variables(ofFile: index, log: log)
      return log.errorCount == before ? variables : nil
    case .missing: log.error("there is no such file", inFile: path)
    case .failed(let reason): log.error("it can't be read: \(reason)", inFile: path)
    case .tooLarge:
      log.error("it has more than \(ConfigLimits.fileBytesMaximum) bytes", inFile: path)
    }
    return nil
  }
}
