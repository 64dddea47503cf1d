// Every way in which a message can be refused by its bytes alone.
//
// A closed list: the client sees the status, the log sees the name and the offset. A fault in a
// request closes the client's connection; in a response it becomes 502 and drops the upstream's.

/// Why bytes aren't a message that can be read in exactly one way.
public enum WireFault: UInt8, Error, Sendable, CaseIterable {
  // Request line (RFC 9112 §3)
  case badRequestLine, badMethod, methodTooLong, connectRefused
  case badTarget, fragmentInTarget, badTargetForm, targetTooLong
  case badVersion, unsupportedVersion
  // Status line (RFC 9112 §4)
  case badStatusLine
  // Field lines (RFC 9112 §5)
  case bareLineFeed, bareCarriageReturn, foldedLine, emptyFieldName, badFieldName
  case spaceBeforeColon, missingColon, badFieldValue
  case headTooLarge, tooManyFields
  // Authority (RFC 9110 §7.2, RFC 9112 §3.2)
  case missingHost, repeatedHost, badHost, hostMismatch
  // Framing (RFC 9112 §6)
  case badContentLength, repeatedContentLength, lengthWithTransferEncoding
  case badTransferEncoding, unsupportedTransferCoding, transferEncodingInOldVersion
  case bodyNotAllowed
  // Other fields that the connection itself depends on
  case badConnectionOption, tooManyConnectionOptions, unsupportedExpectation
  // Chunked bodies (RFC 9112 §7.1)
  case badChunkSize, chunkSizeTooLong, badChunkExtension, chunkExtensionTooLong
  case badChunkEnd, chunkOverheadTooLarge
  case badTrailer, forbiddenTrailer, trailersTooLarge, tooManyTrailers

  /// The status with which a request is refused; a response with a fault is always 502.
  public var status: Int {
    switch self {
    case .badRequestLine, .badMethod, .badTarget, .fragmentInTarget, .badTargetForm, .badVersion,
      .badStatusLine, .bareLineFeed, .bareCarriageReturn, .foldedLine, .emptyFieldName,
      .badFieldName, .spaceBeforeColon, .missingColon, .badFieldValue, .missingHost, .repeatedHost,
      .badHost, .hostMismatch, .badContentLength, .repeatedContentLength,
      .lengthWithTransferEncoding, .badTransferEncoding, .transferEncodingInOldVersion,
      .bodyNotAllowed, .badConnectionOption, .tooManyConnectionOptions, .badChunkSize,
      .chunkSizeTooLong, .badChunkExtension, .chunkExtensionTooLong, .badChunkEnd,
      .chunkOverheadTooLarge, .badTrailer, .forbiddenTrailer:
      400
    case .targetTooLong: 414
    case .unsupportedExpectation: 417
    case .headTooLarge, .tooManyFields, .trailersTooLarge, .tooManyTrailers: 431
    case .methodTooLong, .connectRefused, .unsupportedTransferCoding: 501
    case .unsupportedVersion: 505
    }
  }

  /// The stable name in logs and metrics.
  public var name: StaticString {
    switch self {
    case .badRequestLine: "bad_request_line"
    case .badMethod: "bad_method"
    case .methodTooLong: "method_too_long"
    case .connectRefused: "connect_refused"
    case .badTarget: "bad_target"
    case .fragmentInTarget: "fragment_in_target"
    case .badTargetForm: "bad_target_form"
    case .targetTooLong: "target_too_long"
    case .badVersion: "bad_version"
    case .unsupportedVersion: "unsupported_version"
    case .badStatusLine: "bad_status_line"
    case .bareLineFeed: "bare_line_feed"
    case .bareCarriageReturn: "bare_carriage_return"
    case .foldedLine: "folded_line"
    case .emptyFieldName: "empty_field_name"
    case .badFieldName: "bad_field_name"
    case .spaceBeforeColon: "space_before_colon"
    case .missingColon: "missing_colon"
    case .badFieldValue: "bad_field_value"
    case .headTooLarge: "head_too_large"
    case .tooManyFields: "too_many_fields"
    case .missingHost: "missing_host"
    case .repeatedHost: "repeated_host"
    case .badHost: "bad_host"
    case .hostMismatch: "host_mismatch"
    case .badContentLength: "bad_content_length"
    case .repeatedContentLength: "repeated_content_length"
    case .lengthWithTransferEncoding: "length_with_transfer_encoding"
    case .badTransferEncoding: "bad_transfer_encoding"
    case .unsupportedTransferCoding: "unsupported_transfer_coding"
    case .transferEncodingInOldVersion: "transfer_encoding_in_old_version"
    case .bodyNotAllowed: "body_not_allowed"
    case .badConnectionOption: "bad_connection_option"
    case .tooManyConnectionOptions: "too_many_connection_options"
    case .unsupportedExpectation: "unsupported_expectation"
    case .badChunkSize: "bad_chunk_size"
    case .chunkSizeTooLong: "chunk_size_too_long"
    case .badChunkExtension: "bad_chunk_extension"
    case .chunkExtensionTooLong: "chunk_extension_too_long"
    case .badChunkEnd: "bad_chunk_end"
    case .chunkOverheadTooLarge: "chunk_overhead_too_large"
    case .badTrailer: "bad_trailer"
    case .forbiddenTrailer: "forbidden_trailer"
    case .trailersTooLarge: "trailers_too_large"
    case .tooManyTrailers: "too_many_trailers"
    }
  }
}
