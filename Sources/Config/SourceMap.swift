// The texts that a configuration was read from, and how a place in them is named and shown.
//
// A place is `file:line:column`, the column counted in characters (Unicode scalars). What must never
// be printed is registered here, byte range by byte range, while the text is read; every line that a
// diagnostic shows goes through `excerpt`, so that there is one door and it is guarded. Start-up and
// tools only; one thread.

import Bytes

/// A stretch of one configuration file.
public struct SourceSpan: Sendable, Equatable {
  /// The file's name as it is shown: relative to where the main file was named from.
  public let file: String
  /// Index of the file in its `SourceMap`.
  let fileIndex: Int
  /// The bytes it covers.
  public let range: ByteRange
  /// Line of its first byte, from 1.
  public let line: Int
  /// Column of its first byte in characters, from 1.
  public let column: Int

  /// `file:line:column`.
  public var place: String { "\(file):\(line):\(column)" }
  /// `file:line`, for tables.
  public var lineOnly: String { "\(file):\(line)" }
}

/// One file's text with its line starts and the ranges that are not to be shown.
struct SourceFile {
  let name: String
  let bytes: [UInt8]
  /// Offset of each line's first byte.
  let lineStarts: [Int]
  /// Literal secrets, printed as stars: sorted, neither overlapping nor touching.
  private(set) var masked: [ByteRange] = []
  /// Comments, left out of printed lines: old secrets like to live there.
  var comments: [ByteRange] = []

  init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
    var starts = [0]
    for (offset, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
      starts.append(offset + 1)
    }
    lineStarts = starts
  }

  /// Adds a literal to those that are not printed, joined with its neighbours.
  mutating func mask(_ range: ByteRange) {
    guard !range.isEmpty else { return }
    var joined = range
    var first = masked.count
    // Files are read front to back, so this nearly always ends at once.
    while first > 0, masked[first - 1].upper >= range.lower { first -= 1 }
    var last = first
    while last < masked.count, masked[last].lower <= range.upper {
      joined = ByteRange(
        Swift.min(joined.lower, masked[last].lower), Swift.max(joined.upper, masked[last].upper))
      last += 1
    }
    masked.replaceSubrange(first..<last, with: [joined])
  }

  /// The masked bytes around an offset; nil when it may be shown.
  func maskedRun(at offset: Int) -> ByteRange? {
    var low = 0
    var high = masked.count
    while low < high {
      let middle = (low + high) / 2
      if masked[middle].upper <= offset { low = middle + 1 } else { high = middle }
    }
    return low < masked.count && masked[low].lower <= offset ? masked[low] : nil
  }

  /// Index of the line that holds `offset`.
  func lineIndex(of offset: Int) -> Int {
    var low = 0
    var high = lineStarts.count
    while low + 1 < high {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }

  /// The offsets of a line without its line end.
  func lineBounds(_ index: Int) -> (lower: Int, upper: Int) {
    let lower = lineStarts[index]
    var upper = index + 1 < lineStarts.count ? lineStarts[index + 1] - 1 : bytes.count
    if upper > lower, bytes[upper - 1] == UInt8(ascii: "\r") { upper -= 1 }
    return (lower, upper)
  }
}

/// A line as a diagnostic shows it, and where the caret goes.
struct SourceExcerpt: Equatable {
  var text = ""
  /// Characters before the caret.
  var caretColumn = 0
  /// Characters under the caret and its tildes, at least 1.
  var caretCount = 1
}

/// Every file of one configuration.
final class SourceMap {
  private(set) var files: [SourceFile] = []
  /// What stands in a line for a secret, whatever its length.
  static let mask = "********"
  /// Characters of a line that are shown.
  static let excerptCountMaximum = 160
  /// Bytes on either side of a place that are looked at for it, however long the line is.
  static let excerptBytesMaximum = 4 * excerptCountMaximum

  /// Where a column was last counted to, so that a long line is counted once and not once a word.
  private var counted = (file: -1, line: 0, offset: 0, column: 1)

  /// Adds a file and returns its index.
  func add(name: String, bytes: [UInt8]) -> Int {
    files.append(SourceFile(name: name, bytes: bytes))
    return files.count - 1
  }

  /// Names the bytes `lower ..< upper` of a file.
  func span(_ fileIndex: Int, _ lower: Int, _ upper: Int) -> SourceSpan {
    let line = files[fileIndex].lineIndex(of: lower)
    return SourceSpan(
      file: files[fileIndex].name, fileIndex: fileIndex, range: ByteRange(lower, upper),
      line: line + 1, column: column(fileIndex, line, lower))
  }

  private func column(_ fileIndex: Int, _ line: Int, _ offset: Int) -> Int {
    var from = (offset: files[fileIndex].lineStarts[line], column: 1)
    if counted.file == fileIndex, counted.line == line, counted.offset <= offset {
      from = (counted.offset, counted.column)
    }
    var column = from.column
    // Every byte but a continuation byte begins a scalar.
    for index in from.offset..<Swift.max(offset, from.offset)
    where files[fileIndex].bytes[index] & 0xC0 != 0x80 {
      column += 1
    }
    counted = (fileIndex, line, offset, column)
    return column
  }

  /// Forbids a literal to be printed.
  func mask(_ fileIndex: Int, _ range: ByteRange) {
    files[fileIndex].mask(range)
  }

  /// Leaves a comment out of printed lines.
  func hideComment(_ fileIndex: Int, _ range: ByteRange) {
    files[fileIndex].comments.append(range)
  }

  /// The text of a range as written, secrets replaced.
  func written(_ fileIndex: Int, _ range: ByteRange) -> String {
    shown(files[fileIndex], range.lower, range.upper)
  }

  /// The line that a span begins on, with the caret's place in it; of a long line, what is around it.
  func excerpt(_ span: SourceSpan) -> SourceExcerpt {
    let file = files[span.fileIndex]
    var (lower, upper) = file.lineBounds(span.line - 1)
    for comment in file.comments where comment.lower >= lower && comment.lower <= upper {
      upper = comment.lower
    }
    while upper > lower, file.bytes[upper - 1] == UInt8(ascii: " ") { upper -= 1 }
    var start = Swift.max(lower, span.range.lower)
    var end = Swift.max(start, Swift.min(span.range.upper, upper, start + Self.excerptBytesMaximum))
    // A place within a secret is shown as the whole of it.
    if let run = file.maskedRun(at: start) { start = Swift.max(lower, run.lower) }
    if end > start, let run = file.maskedRun(at: end - 1) { end = Swift.min(upper, run.upper) }
    let lineStart = lower
    lower = cut(file, Swift.max(lower, start - Self.excerptBytesMaximum), down: true)
    upper = cut(file, Swift.min(upper, end + Self.excerptBytesMaximum), down: false)
    let before = shown(file, lower, start)
    let marked = shown(file, start, end)
    let after = shown(file, end, Swift.max(end, upper))
    var excerpt = SourceExcerpt(
      text: before + marked + after, caretColumn: before.count,
      caretCount: Swift.max(1, marked.count))
    if excerpt.text.count > Self.excerptCountMaximum || lower > lineStart { shorten(&excerpt) }
    return excerpt
  }

  /// Moves an offset to the beginning of a scalar.
  private func cut(_ file: SourceFile, _ offset: Int, down: Bool) -> Int {
    var offset = offset
    while offset > 0, offset < file.bytes.count, file.bytes[offset] & 0xC0 == 0x80 {
      offset += down ? -1 : 1
    }
    return offset
  }

  /// Cuts a long line to a window that holds the caret.
  private func shorten(_ excerpt: inout SourceExcerpt) {
    let first = Swift.max(0, excerpt.caretColumn - Self.excerptCountMaximum / 2)
    let cut = excerpt.text.dropFirst(first).prefix(Self.excerptCountMaximum)
    excerpt.text = (first > 0 ? "…" : "") + cut + "…"
    excerpt.caretColumn -= first > 0 ? first - 1 : 0
    excerpt.caretCount = Swift.min(excerpt.caretCount, Self.excerptCountMaximum / 2)
  }

  /// Text of `lower ..< upper` with masked ranges as stars and control bytes as `?`, so that a file
  /// can't write escape sequences to somebody's terminal.
  private func shown(_ file: SourceFile, _ lower: Int, _ upper: Int) -> String {
    var out: [UInt8] = []
    var offset = lower
    while offset < upper {
      if let run = file.maskedRun(at: offset) {
        out += Array(Self.mask.utf8)
        offset = run.upper
        continue
      }
      let byte = file.bytes[offset]
      let isControl = (byte < 0x20 && byte != UInt8(ascii: "\t")) || byte == 0x7F
      out.append(isControl ? UInt8(ascii: "?") : byte)
      offset += 1
    }
    return String(decoding: out, as: UTF8.self)
  }
}
