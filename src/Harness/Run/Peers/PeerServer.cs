using Harness.Matrix;

namespace Harness.Run;

/// <summary>How somebody else's server is started for a cell.</summary>
/// <param name="Command">The program and its arguments; it stays in the foreground, unless <paramref name="PidFile"/> is given.</param>
/// <param name="Uri">Where its export then is.</param>
internal sealed record PeerLaunch(IReadOnlyList<string> Command, string Uri)
{
    /// <summary>The text of its configuration file; null where all is on the command line.</summary>
    public string? Config { get; init; }

    /// <summary>A server that puts itself into the background writes its process number here; null for one that does not.</summary>
    public string? PidFile { get; init; }
}

/// <summary>Somebody else's server: what it can serve, and how it is started. The settings are each one's fastest that make sense here.</summary>
internal abstract class PeerServer
{
    /// <summary>The program, which is also the word in a matrix.</summary>
    public abstract string Name { get; }

    /// <summary>Debian's package that has it.</summary>
    public abstract string Package { get; }

    /// <summary>The argument that makes it say its version.</summary>
    public virtual string VersionArgument => "--version";

    /// <summary>Why it cannot serve a cell, in one line; null where it can.</summary>
    public virtual string? Refusal(Cell cell) => PeerExport.Of(cell["block"]) is not { } export
        ? $"{Name} stands beside memory:SIZE and null:SIZE, not beside {cell["block"]}"
        : export.DelayMs is not null && !CanDelay ? $"{Name} has no delay; nbdkit has one"
        : export.IsImage && !ReadsImages ? $"{Name} cannot serve a file in an image, as ext2:SIZE asks; nbdkit can"
        : export.IsImage && Ext2ImageFile.Refusal() is { } missing ? missing
        : cell["fill"] == "true" ? $"{Name} is not filled before it serves; leave fill at false"
        : NeedsFile(export) ? TmpfsFile.Refusal(export.IsImage ? Ext2ImageFile.Bytes(export.Size) : export.Size) : null;

    /// <summary>Whether it can serve a file in an ext4 image.</summary>
    public virtual bool ReadsImages => false;

    /// <summary>Whether it can let requests wait on purpose.</summary>
    public virtual bool CanDelay => false;

    /// <summary>Whether it keeps its bytes in a file, which then lies in memory.</summary>
    public abstract bool NeedsFile(PeerExport export);

    /// <param name="cell">What it is to serve.</param>
    /// <param name="export">The same, as read from the cell's chain.</param>
    /// <param name="scratch">For its socket and its own files.</param>
    /// <param name="file">The file that it serves; null where it needs none.</param>
    public abstract PeerLaunch Launch(Cell cell, PeerExport export, ScratchFolder scratch, TmpfsFile? file);
}
