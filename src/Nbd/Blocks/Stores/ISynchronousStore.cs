using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// A store that is written as plain calls, each of which returns when it has done what it was asked for. <see cref="SynchronousBlock"/> makes a block of it:
/// the calls come on a few threads of that block's, so they may take their time. A call is for a range inside the store and for what
/// <see cref="Capabilities"/> has; the rest is refused before it.
/// </summary>
/// <remarks>
/// Every call returns 0 or a positive errno. One that throws has failed too: with the errno of an <see cref="IOException"/> that the system gave one, or with
/// EIO and a line in the log.
/// </remarks>
public interface ISynchronousStore : IDisposable
{
    /// <inheritdoc cref="IBlock.Name"/>
    string Name { get; }

    /// <inheritdoc cref="IBlock.Size"/>
    ulong Size { get; }

    /// <inheritdoc cref="IBlock.Capabilities"/>
    BlockCapabilities Capabilities { get; }

    /// <inheritdoc cref="IBlock.Constraints"/>
    BlockSizeConstraints Constraints => BlockSizeConstraints.Default;

    /// <summary>
    /// Which of its calls may overlap. One at a time, unless it says otherwise: code that was not written for several threads is right without a lock.
    /// </summary>
    ThreadModel ThreadModel => ThreadModel.SerializeAllRequests;

    /// <inheritdoc cref="IBlock.Describe"/>
    string Describe() => Name;

    /// <inheritdoc cref="IBlock.Open"/>
    void Open()
    {
    }

    /// <summary>Reads.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="data">All of it is to be filled in; what it holds before is undefined.</param>
    int Read(ulong offset, Span<byte> data);

    /// <summary>Writes.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="data">What is to be written.</param>
    /// <param name="flags">FUA, where the store has <see cref="BlockCapabilities.Fua"/>; else the gate asks for a flush after the write.</param>
    int Write(ulong offset, ReadOnlySpan<byte> data, NbdCommandFlags flags) => Errno.EOPNOTSUPP;

    /// <summary>Makes durable what was written by calls that have returned.</summary>
    int Flush() => Errno.EOPNOTSUPP;

    /// <summary>Gives space back; what is read there afterwards is left open.</summary>
    int Trim(ulong offset, ulong length, NbdCommandFlags flags) => Errno.EOPNOTSUPP;

    /// <summary>Makes zeroes of a range: EOPNOTSUPP where FAST_ZERO is asked for and it would be no faster than writing them.</summary>
    int WriteZeroes(ulong offset, ulong length, NbdCommandFlags flags) => Errno.EOPNOTSUPP;

    /// <summary>Brings nearer what will be read soon.</summary>
    int Cache(ulong offset, ulong length) => 0;

    /// <summary>The state of the first bytes of a range, 1 or more of them; equal neighbours are merged by whoever asks.</summary>
    BlockExtent ExtentAt(ulong offset, ulong length) => new(length, ExtentState.Data);
}
