//go:build !race

package main

// raceDetector makes reading large files many times slower.
const raceDetector = false
