namespace Harness.Nbd;

/// <summary>A kind of store that can leave it to the name of an export what is served, as ext2 leaves it which file of an image.</summary>
public interface IStoreByName
{
    /// <summary>True where a store's text names nothing to serve.</summary>
    /// <exception cref="BlockException">The text is not right; the message says what to write.</exception>
    bool LeavesOpen(string text);

    /// <summary>Takes what all exports will need, so that it is complained of at the start, and keeps it.</summary>
    /// <param name="text">A store's text that leaves it open.</param>
    /// <param name="readOnly">Nothing may be changed.</param>
    /// <param name="behind">The chain behind the stores that will be made; null where there is none.</param>
    /// <returns>To be disposed of after the last export.</returns>
    /// <exception cref="IOException">It cannot be had; the message is one line.</exception>
    IDisposable Hold(string text, bool readOnly, out BlockGraph? behind);

    /// <summary>Makes the store for an export. Any thread but a loop's: it may wait for a disk.</summary>
    /// <param name="text">A store's text that leaves it open.</param>
    /// <param name="readOnly">Nothing may be changed.</param>
    /// <param name="exportName">What a client has asked for: whatever the protocol lets through.</param>
    /// <exception cref="BlockException">There is nothing of this name; <see cref="BlockException.ForClient"/> says why.</exception>
    IBlock Make(string text, bool readOnly, string exportName);
}
