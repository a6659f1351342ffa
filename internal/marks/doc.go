// Package marks keeps in a file what makes old adverts worthless (advert.Marks),
// so that a recorded advert does not become good again by a restart.
//
// The file holds numbers and addresses and no secret. It is written anew beside
// its place and then renamed, readable by its owner alone; no symbolic link is
// followed, neither when it is written nor when it is read, and what others
// could have written is not believed. A file that is not whole is refused as a
// whole. Nothing here waits for a peer or a lock, but for the disk.
package marks
