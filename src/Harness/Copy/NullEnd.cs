namespace Harness.Copy;

/// <summary><c>null:SIZE</c>, zeroes as a source; <c>null:</c>, nothing as a destination: it takes whatever comes.</summary>
internal sealed class NullEnd(string name, ulong size) : CopyEnd(name)
{
    public override ulong Size => size;

    public override ulong MaximumZero => long.MaxValue;

    public override bool DropsData => true;

    public override CopyPort NewPort(int number, ICopyHandler handler) => new Port();

    public override void FindExtents(ulong offset, IExtentSink sink)
    {
        sink.Add(Size - offset, isZero: true);
        sink.Answered(0);
    }

    public override void Dispose()
    {
    }

    private sealed class Port : CopyPort
    {
        public override int? Start(CopyAction action, ulong offset, ulong length, CopyMemory? memory)
        {
            if (action == CopyAction.Read)
            {
                memory!.First(length).Span.Clear();
            }

            return 0;
        }
    }
}
