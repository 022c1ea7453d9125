namespace Harness.Io;

/// <summary>What becomes of a watched descriptor that somebody closes with close(2), without telling the loop; see <see cref="EventLoop.IsChecked"/>.</summary>
public enum ForeignClose
{
    /// <summary>
    /// The kernel is asked by number each time (poll(2)): a number that stands for nothing is found at the next look, one that was used again is taken for the
    /// former descriptor.
    /// </summary>
    Unnoticed,

    /// <summary>
    /// The kernel's list holds no file (epoll(7)): when the last descriptor of the file is closed the list forgets it, and a new file of that number is not
    /// in it.
    /// </summary>
    Forgotten,

    /// <summary>
    /// The kernel holds the file (a poll in a ring): it stays open, its peer sees no end of the stream, and its events still come, although the number stands
    /// for nothing or for another file.
    /// </summary>
    HeldOpen,
}
