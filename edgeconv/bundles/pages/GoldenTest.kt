package moderation

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import java.io.InputStream
import java.security.MessageDigest
import kotlin.math.abs
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith

/** The model is the one that was bundled, and scores on this device as it did when exported. */
@RunWith(AndroidJUnit4::class)
class GoldenTest {
    private val app = InstrumentationRegistry.getInstrumentation().targetContext
    private val tests = InstrumentationRegistry.getInstrumentation().context

    @Test
    fun theModelIsTheOneThatWasBundled() {
        val model = app.assets.open("${Moderator.FOLDER}/${Moderator.MODEL}")
        assertEquals(MODEL_SHA256, sha256(model.use(InputStream::readBytes)))
    }

    @Test
    fun goldenPicturesScoreAsWhenExported() {
        Moderator(app).use { moderator ->
            val all = moderator.contract.getJSONArray("golden")
            assertTrue("no golden pictures", all.length() > 0)
            for (entry in (0 until all.length()).map(all::getJSONObject)) {
                val name = entry.getString("name")
                val picture = tests.assets.open("golden/$name").use(BitmapFactory::decodeStream)
                assertEquals("pixels of $name", entry.getString("sha256"), sha256(rgb(picture)))
                val expected = entry.getJSONObject("scores")
                for ((label, score) in moderator.judge(picture).scores) {
                    val difference = abs(score - expected.getDouble(label))
                    assertTrue("$name: $label off by $difference", difference <= TOLERANCE)
                }
            }
        }
    }

    private fun rgb(picture: Bitmap): ByteArray {
        val pixels = IntArray(picture.width * picture.height)
        picture.getPixels(pixels, 0, picture.width, 0, 0, picture.width, picture.height)
        return ByteArray(3 * pixels.size) { (pixels[it / 3] shr (16 - 8 * (it % 3))).toByte() }
    }

    private fun sha256(bytes: ByteArray): String =
        MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }

    private companion object {
        const val MODEL_SHA256 = "{{ model_sha256 }}"
        const val TOLERANCE = {{ tolerance }}
    }
}
