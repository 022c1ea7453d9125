namespace Harness.Copy;

/// <summary>Told of the source's extents as they are found.</summary>
internal interface IExtentSink
{
    /// <summary>The next bytes of the source are all zeroes, or may be anything.</summary>
    void Add(ulong length, bool isZero);

    /// <summary>No more comes of this question.</summary>
    /// <param name="error">0, or a positive errno.</param>
    void Answered(int error);
}

/// <summary>A source or a destination: a file, an export, or nothing.</summary>
internal abstract class CopyEnd(string name) : IDisposable
{
    /// <summary>As it was written on the command line.</summary>
    public string Name => name;

    /// <summary>In bytes.</summary>
    public abstract ulong Size { get; }

    /// <summary>Offsets and lengths are multiples of this.</summary>
    public virtual uint MinimumBlock => 1;

    /// <summary>The most bytes of one READ or WRITE.</summary>
    public virtual uint MaximumRequest => int.MaxValue;

    /// <summary>The most bytes of one <see cref="CopyAction.Zero"/>; 0 where zeroes have to be written as data.</summary>
    public virtual ulong MaximumZero => 0;

    /// <summary>True where every byte is zero before the copy.</summary>
    public virtual bool IsZero => false;

    /// <summary>True where data goes nowhere, so that nobody need look at it.</summary>
    public virtual bool DropsData => false;

    /// <summary>Connections that are open; 0 where there are none to speak of.</summary>
    public virtual int Connections => 0;

    /// <summary>Ports that have to be flushed for everything to stay.</summary>
    public virtual int FlushPorts => 0;

    /// <summary>How a connection ended that should not have, or null.</summary>
    public virtual string? LostReason => null;

    /// <summary>A place for a request; ports of different numbers may be on different connections.</summary>
    public abstract CopyPort NewPort(int number, ICopyHandler handler);

    /// <summary>Asks where the data is, from an offset on. The sink is told at once or later, and of one byte at least unless there is an error.</summary>
    public virtual void FindExtents(ulong offset, IExtentSink sink)
    {
        sink.Add(Size - offset, isZero: false);
        sink.Answered(0);
    }

    /// <summary>Begins to end it in order; <see cref="IsOver"/> says when it has.</summary>
    public virtual void Disconnect()
    {
    }

    /// <summary>True where nothing is open on the loop any more.</summary>
    public virtual bool IsOver => true;

    public abstract void Dispose();
}
