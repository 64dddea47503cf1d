// Where a body ends, from the fields (RFC 9112 §6). Two readers that disagree about this are what
// request smuggling is made of, so nothing is repaired: one length, or `chunked` alone, or neither.

import Bytes

/// What `Content-Length` and `Transfer-Encoding` say.
enum FramingFields: Equatable {
  case neither
  case length(Int)
  case chunked
}

extension FieldTable {
  /// Reads the framing fields.
  func readFraming(_ bytes: Span<UInt8>, isHTTP11: Bool) throws(ParseStop) -> FramingFields {
    let framing = FieldName.contentLength.bit | FieldName.transferEncoding.bit
    guard present & framing != 0 else { return .neither }

    // Duplicates are refused even if equal: "identical" depends on the reader (CVE-2021-40346).
    let length = try only(.contentLength, elseFault: .repeatedContentLength)
    guard let coding = try only(.transferEncoding, elseFault: .badTransferEncoding) else {
      guard let length else { return .neither }
      return .length(try readLength(bytes, length.value))
    }
    // RFC 9112 §6.1: a 1.0 recipient before or behind us wouldn't know the coding.
    guard isHTTP11 else {
      throw .malformed(.transferEncodingInOldVersion, offset: coding.line.lower)
    }
    if let length {
      throw .malformed(.lengthWithTransferEncoding, offset: length.line.lower)
    }
    guard equals(bytes, coding.value, "chunked") else {
      throw .malformed(faultInCodings(bytes, coding.value), offset: coding.value.lower)
    }
    return .chunked
  }
}

/// 1 to 18 digits, which always fit an `Int`: no sign, no list, no space, not empty
/// (CVE-2023-40225).
private func readLength(_ bytes: Span<UInt8>, _ value: ByteRange) throws(ParseStop) -> Int {
  guard value.count <= 18, let length = bytes.slice(value).decimalValue() else {
    throw .malformed(.badContentLength, offset: value.lower)
  }
  return length
}

/// Tells a coding that the gateway doesn't have (501: `gzip`, or `gzip, chunked`) from a list that no
/// coding can mend (400: `chunked` twice or not last, parameters, empty).
@inline(never)
private func faultInCodings(_ bytes: Span<UInt8>, _ value: ByteRange) -> WireFault {
  var elements = ListElements(value)
  var sawChunked = false
  var sawOther = false
  while let element = elements.next(bytes) {
    guard !sawChunked, isToken(bytes, element) else { return .badTransferEncoding }
    if equals(bytes, element, "chunked") {
      sawChunked = true
    } else {
      sawOther = true
    }
  }
  return sawOther ? .unsupportedTransferCoding : .badTransferEncoding
}
