import Testing

@testable import ModerationKit

@Suite struct RGBColourTests {
    @Test func comesBackFromItsText() {
        #expect(RGBColour(hex: "#0a80ff") == RGBColour(red: 10, green: 128, blue: 255))
        #expect(RGBColour(hex: "#0a80ff")?.hex == "#0a80ff")
    }

    @Test(arguments: ["", "0a80ff", "#0a80f", "#0a80fff", "#0a80fg", "#+a80ff"])
    func refusesOtherTexts(text: String) {
        #expect(RGBColour(hex: text) == nil)
    }
}
