"""The iOS app's project and resources, linted without Xcode."""

import json
import plistlib
import re
from pathlib import Path
from xml.etree import ElementTree

import openstep
import pytest

pytestmark = pytest.mark.device_proof("iOS: project, property lists and strings")

APP = Path(__file__).parents[2] / "ios_demo"
PROJECT = APP / "ModerationDemo.xcodeproj"
SWIFT = sorted(file for file in APP.rglob("*.swift") if ".build" not in file.parts)
SHIPPED = [file for file in SWIFT if not any("Tests" in part for part in file.parts)]

IDENTIFIER = re.compile(r"\b[0-9A-F]{24}\b")


@pytest.fixture(scope="module")
def text():
    return (PROJECT / "project.pbxproj").read_text()


@pytest.fixture(scope="module")
def objects(text):
    return openstep.parse(text)["objects"]


def of_kind(objects, kind):
    return [one for one in objects.values() if one["isa"] == kind]


def target(objects, name):
    (found,) = (one for one in of_kind(objects, "PBXNativeTarget") if one["name"] == name)
    return found


def settings(objects, owner, configuration):
    for identifier in objects[owner["buildConfigurationList"]]["buildConfigurations"]:
        if objects[identifier]["name"] == configuration:
            return objects[identifier]["buildSettings"]
    raise AssertionError(f"no {configuration}")


def dangling(text):
    """Identifiers that are used and name no object, and objects that nothing uses."""
    project = openstep.parse(text)
    uses = IDENTIFIER.findall(json.dumps([*project["objects"].values(), project["rootObject"]]))
    return set(uses) ^ set(project["objects"])


def test_every_id_resolves_and_none_is_left_over(text):
    assert len(openstep.parse(text)["objects"]) > 30
    assert dangling(text) == set()


def test_a_project_that_lost_an_object_is_noticed(text):
    product = r"\t\t\w{24} /\* ModerationKit \*/ = \{\n\t\t\tisa = XCSwift.*?\t\t\};\n"
    lost, count = re.subn(product, "", text, flags=re.DOTALL)
    assert count == 1
    assert len(dangling(lost)) == 1


@pytest.mark.parametrize("broken", ["", "{", "{a = b}", "{a = b; a = c;}", "(a)", "{a = (b c,);}"])
def test_what_is_no_property_list_is_noticed(broken):
    with pytest.raises(ValueError):
        openstep.parse(broken)


def test_xcode_16_opens_it(text):
    project = openstep.parse(text)
    assert text.startswith("// !$*UTF8*$!\n")
    assert project["objectVersion"] == "77"
    assert project["objects"][project["rootObject"]]["isa"] == "PBXProject"
    workspace = ElementTree.parse(PROJECT / "project.xcworkspace" / "contents.xcworkspacedata")
    assert [ref.get("location") for ref in workspace.iter("FileRef")] == ["self:"]


def test_every_folder_is_synchronised_and_there(objects):
    groups = of_kind(objects, "PBXFileSystemSynchronizedRootGroup")
    assert {group["path"] for group in groups} == {"ModerationDemo", "Model", "ModerationDemoTests"}
    for group in groups:
        assert (APP / group["path"]).is_dir()
        for identifier in group.get("exceptions", ()):
            for name in objects[identifier]["membershipExceptions"]:
                assert (APP / group["path"] / name).is_file()


def test_pages_for_people_are_not_copied_into_the_app(objects):
    for group in of_kind(objects, "PBXFileSystemSynchronizedRootGroup"):
        left_out = {
            name
            for identifier in group.get("exceptions", ())
            for name in objects[identifier]["membershipExceptions"]
        }
        pages = {file.name for file in (APP / group["path"]).glob("*.md")}
        assert pages == left_out


def test_the_app_holds_the_model_folder_and_an_empty_resources_phase(objects):
    app = target(objects, "ModerationDemo")
    groups = {objects[identifier]["path"] for identifier in app["fileSystemSynchronizedGroups"]}
    assert groups == {"ModerationDemo", "Model"}
    phases = {objects[one]["isa"]: objects[one]["files"] for one in app["buildPhases"]}
    assert phases["PBXSourcesBuildPhase"] == phases["PBXResourcesBuildPhase"] == []
    assert len(phases["PBXFrameworksBuildPhase"]) == 1


def test_the_package_is_there_and_has_the_product(objects):
    (reference,) = of_kind(objects, "XCLocalSwiftPackageReference")
    (product,) = of_kind(objects, "XCSwiftPackageProductDependency")
    manifest = (APP / reference["relativePath"] / "Package.swift").read_text()
    assert f'.library(name: "{product["productName"]}"' in manifest


@pytest.mark.parametrize("configuration", ["Debug", "Release"])
def test_settings(objects, configuration):
    (project,) = of_kind(objects, "PBXProject")
    assert settings(objects, project, configuration)["IPHONEOS_DEPLOYMENT_TARGET"] == "17.0"
    app = settings(objects, target(objects, "ModerationDemo"), configuration)
    assert "never leaves it" in app["INFOPLIST_KEY_NSCameraUsageDescription"]
    assert app["GENERATE_INFOPLIST_FILE"] == "YES"
    assert app["COREML_CODEGEN_LANGUAGE"] == "None"  # a class could be called as one of the app's
    assert app["COMPRESS_PNG_FILES"] == "NO"  # golden pictures stay as they are
    tests = settings(objects, target(objects, "ModerationDemoTests"), configuration)
    assert tests["TEST_HOST"].endswith("/ModerationDemo")


def test_the_scheme_builds_and_tests_the_targets_that_there_are(objects):
    scheme = ElementTree.parse(PROJECT / "xcshareddata/xcschemes/ModerationDemo.xcscheme")
    named = {
        (one.get("BlueprintIdentifier"), one.get("BlueprintName"))
        for one in scheme.iter("BuildableReference")
    }
    there = {
        (identifier, one["name"])
        for identifier, one in objects.items()
        if one["isa"] == "PBXNativeTarget"
    }
    assert named == there
    assert {one.get("ReferencedContainer") for one in scheme.iter("BuildableReference")} == {
        f"container:{PROJECT.name}"
    }


def test_the_privacy_manifest_collects_nothing():
    manifest = plistlib.loads((APP / "ModerationDemo/PrivacyInfo.xcprivacy").read_bytes())
    assert manifest["NSPrivacyTracking"] is False
    assert manifest["NSPrivacyTrackingDomains"] == []
    assert manifest["NSPrivacyCollectedDataTypes"] == []
    (accessed,) = manifest["NSPrivacyAccessedAPITypes"]
    assert accessed["NSPrivacyAccessedAPIType"] == "NSPrivacyAccessedAPICategoryUserDefaults"
    assert accessed["NSPrivacyAccessedAPITypeReasons"] == ["CA92.1"]


def test_nothing_that_could_leave_the_device_is_used():
    reaching = re.compile(r"URLSession|import (Network|WebKit|CloudKit|CFNetwork)|https?://")
    assert len(SHIPPED) > 40
    assert [file.name for file in SHIPPED if reaching.search(file.read_text())] == []


def test_moderation_kit_needs_foundation_alone():
    sources = sorted((APP / "ModerationKit/Sources").rglob("*.swift"))
    assert len(sources) > 20
    imported = {
        name for file in sources for name in re.findall(r"^import (\w+)", file.read_text(), re.M)
    }
    assert imported == {"Foundation"}


def test_nothing_is_unwrapped_by_force():
    forced = re.compile(r"\btry!|\bas!|[\w)\]]!(?!=)|fatalError")
    assert forced.search("let x = y!.z")
    found = [
        f"{file.name}: {line.strip()}"
        for file in SHIPPED
        for line in file.read_text().splitlines()
        if forced.search(re.sub(r'"[^"]*"|//.*', "", line))
    ]
    assert found == []


def test_json_resources_are_json():
    catalogues = [*APP.rglob("*.xcassets/**/Contents.json"), *APP.rglob("*.xcstrings")]
    assert len(catalogues) >= 5
    for file in catalogues:
        assert json.loads(file.read_text("utf-8"))


def strings_in(source):
    """The texts for people in Swift code: they start with a capital, or say that they are such."""
    literals = re.findall(r'(localized: )?"((?:[^"\\]|\\\((?:[^()]|\([^()]*\))*\)|\\.)*)"', source)
    return {
        re.sub(r"\\\((?:[^()]|\([^()]*\))*\)", "%@", text)
        for marked, text in literals
        if marked or re.match(r"[A-Z]", text)
    }


def test_every_text_is_in_the_catalogue_and_translated():
    catalogue = json.loads((APP / "ModerationDemo/Localizable.xcstrings").read_text("utf-8"))
    used = set().union(
        *(strings_in(file.read_text()) for file in SHIPPED if "ModerationDemo" in file.parts)
    )
    assert len(used) > 40
    assert used == set(catalogue["strings"])
    for text, entry in catalogue["strings"].items():
        german = entry["localizations"]["de"]["stringUnit"]
        assert german["state"] == "translated"
        assert german["value"].count("%@") == text.count("%@")


def test_the_camera_text_is_translated_and_is_the_one_of_the_project(objects):
    catalogue = json.loads((APP / "ModerationDemo/InfoPlist.xcstrings").read_text("utf-8"))
    texts = catalogue["strings"]["NSCameraUsageDescription"]["localizations"]
    app = settings(objects, target(objects, "ModerationDemo"), "Release")
    assert texts["en"]["stringUnit"]["value"] == app["INFOPLIST_KEY_NSCameraUsageDescription"]
    assert texts["de"]["stringUnit"]["value"]
