namespace Harness.Copy;

/// <summary>What an end of a copy is asked to do with a range.</summary>
internal enum CopyAction
{
    Read,
    Write,

    /// <summary>Makes the range read as zeroes, without data.</summary>
    Zero,

    /// <summary>Makes what was written stay.</summary>
    Flush,
}

/// <summary>Told that a port's action has ended.</summary>
internal interface ICopyHandler
{
    /// <summary>Called once for each start that was left pending, on the loop's thread, never from inside the start.</summary>
    void Completed(int error);
}

/// <summary>One place for a request at one end of a copy: at most one action at a time.</summary>
internal abstract class CopyPort
{
    /// <summary>Begins an action on a range that is within the end.</summary>
    /// <param name="action">Which.</param>
    /// <param name="offset">In bytes.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="memory">The data, or where it goes, asked for when it is needed; null for actions without data.</param>
    /// <returns>The error, or 0, where it has ended already; null where the handler hears of its end.</returns>
    public abstract int? Start(CopyAction action, ulong offset, ulong length, CopyMemory? memory);

    /// <summary>What the end said about its last error beyond the number; empty where it said nothing.</summary>
    public virtual string Said => string.Empty;
}
