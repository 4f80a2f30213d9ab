package moderation

import android.content.Context
import android.graphics.Bitmap
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.vision.imageclassifier.ImageClassifier
import org.json.JSONArray
import org.json.JSONObject

/** What was decided about one picture; [point] is the operating point, null where there is none. */
data class Decision(
    val label: String,
    val unsafeScore: Double,
    val flagged: Boolean,
    val point: String?,
    val scores: Map<String, Double>,
)

/**
 * Judges pictures with MediaPipe, by the policy that edgeconv's other programs share: flagged where
 * the unsafe scores sum to the threshold of the operating point; without one, where the highest
 * score is an unsafe label's.
 *
 * @param point an operating point of the contract by name; by default "balanced", else the first.
 */
class Moderator(context: Context, point: String? = null) : AutoCloseable {
    val contract: JSONObject =
        JSONObject(context.assets.open("$FOLDER/contract.json").bufferedReader().use { it.readText() })

    private val labels = contract.getJSONArray("labels").strings()
    private val unsafe = contract.getJSONArray("unsafe_labels").strings().toSet()
    private val chosen: JSONObject? = operatingPoint(point)
    private val classifier: ImageClassifier =
        ImageClassifier.createFromOptions(
            context,
            ImageClassifier.ImageClassifierOptions.builder()
                .setBaseOptions(BaseOptions.builder().setModelAssetPath("$FOLDER/$MODEL").build())
                .build(),
        )

    /** Judges one picture. MediaPipe brings it to the model's size. */
    fun judge(picture: Bitmap): Decision {
        val opaque = picture.copy(Bitmap.Config.ARGB_8888, false)
        val categories =
            classifier.classify(BitmapImageBuilder(opaque).build())
                .classificationResult().classifications().first().categories()
        val found = categories.associate { it.categoryName() to it.score().toDouble() }
        val scores = labels.associateWith { label ->
            checkNotNull(found[label]) { "the model gives no score for $label" }
        }
        val label = labels.maxByOrNull { scores.getValue(it) }!!
        val sum = unsafe.sumOf { scores.getValue(it) }
        // A broken model is never taken for a safe picture.
        val broken = scores.values.any { it.isNaN() || it.isInfinite() }
        val flagged = broken || (chosen?.let { sum >= it.getDouble("threshold") } ?: (label in unsafe))
        return Decision(label, sum, flagged, chosen?.getString("name"), scores)
    }

    override fun close() = classifier.close()

    private fun operatingPoint(name: String?): JSONObject? {
        val all = contract.getJSONArray("operating_points")
        val points = (0 until all.length()).map(all::getJSONObject)
        if (name == null) {
            return points.find { it.getString("name") == "balanced" } ?: points.firstOrNull()
        }
        return requireNotNull(points.find { it.getString("name") == name }) {
            "no operating point $name; there is: ${points.map { it.getString("name") }}"
        }
    }

    companion object {
        const val FOLDER = "moderation"
        const val MODEL = {{ name | kotlin }}
    }
}

private fun JSONArray.strings(): List<String> = (0 until length()).map(::getString)
