package org.json

class JSONArray {
    fun length(): Int = TODO()

    fun getString(index: Int): String = TODO()

    fun getJSONObject(index: Int): JSONObject = TODO()
}

class JSONObject(json: String) {
    fun getString(name: String): String = TODO()

    fun getDouble(name: String): Double = TODO()

    fun getJSONArray(name: String): JSONArray = TODO()

    fun getJSONObject(name: String): JSONObject = TODO()
}
