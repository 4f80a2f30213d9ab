import CoreVideo
import ModerationKit
import UIKit
import XCTest

@testable import ModerationDemo

final class PixelTests: XCTestCase {
    private let picture = RGBPicture(width: 2, height: 1, bytes: [1, 2, 3, 250, 251, 252])

    func testABufferHoldsBlueGreenRedAlpha() throws {
        let buffer = try PixelBuffer.made(of: picture)
        CVPixelBufferLockBaseAddress(buffer, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        let base = try XCTUnwrap(CVPixelBufferGetBaseAddress(buffer))
        XCTAssertEqual(
            Array(UnsafeRawBufferPointer(start: base, count: 8)),
            [3, 2, 1, 255, 252, 251, 250, 255])
    }

    func testATruncatedPictureIsRefused() throws {
        let size = CGSize(width: 64, height: 64)
        let whole = try XCTUnwrap(
            UIGraphicsImageRenderer(size: size).jpegData(withCompressionQuality: 0.9) { context in
                UIColor.orange.setFill()
                context.fill(CGRect(origin: .zero, size: size))
            })
        let input = PictureInput(
            name: "image", height: 8, width: 8, resize: Resize(mode: .stretch), exif: .apply,
            background: RGBColour(red: 255, green: 255, blue: 255))
        XCTAssertNoThrow(try StillPicture.decoded(whole, for: input))
        XCTAssertThrowsError(try StillPicture.decoded(whole.prefix(whole.count / 2), for: input))
        XCTAssertThrowsError(try StillPicture.decoded(Data("no picture".utf8), for: input))
    }
}
