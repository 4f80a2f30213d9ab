import ModerationKit
import Vision
import XCTest

@testable import ModerationDemo

final class FramingTests: XCTestCase {
    func testEachModeHasItsOwnOptionInBothGenerations() {
        let expected: [(Resize.Mode, VNImageCropAndScaleOption)] = [
            (.stretch, .scaleFill), (.centerCrop, .centerCrop), (.pad, .scaleFit),
        ]
        for (mode, option) in expected {
            let framing = Framing.contracted(Resize(mode: mode))
            XCTAssertEqual(framing.option, option)
            XCTAssertEqual(framing.region, CGRect(x: 0, y: 0, width: 1, height: 1))
        }
        if #available(iOS 18.0, *) {
            XCTAssertEqual(
                expected.map { Framing.contracted(Resize(mode: $0.0)).action },
                [.scaleToFill, .centerCrop, .scaleToFit])
        }
    }

    func testACropKeepsTheMiddle() {
        let framing = Framing.contracted(Resize(mode: .centerCrop, crop: 0.875))
        XCTAssertEqual(
            framing.region, CGRect(x: 0.0625, y: 0.0625, width: 0.875, height: 0.875))
    }
}
